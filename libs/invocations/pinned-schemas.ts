import { Injectable } from '@nestjs/common';
import { ServiceStore, type Offer } from '#services';

type Pin = Pick<Offer, 'agentId' | 'outputSchema'>;

// A power of two: some seconds' worth of invocations.
const PLACES = 16_384;

/**
 * The output schemas of invocations. Those that this process has opened are remembered, since a version of a service never changes;
 * the others are looked up. Measured: the look-up was a third of the database's work for a life.
 */
@Injectable()
export class PinnedSchemas {
  // Ids are drawn one after another, so each has the place of its remainder until the one PLACES later takes it. Nothing is made for an
  // invocation: what is remembered for seconds would be in the old generation by then, and be dead there.
  private readonly ids = new BigInt64Array(PLACES);
  private readonly providers = new BigInt64Array(PLACES);
  private readonly schemas: (Pin['outputSchema'] | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  constructor(private readonly services: ServiceStore) {}

  remember(invocationId: bigint, { agentId, outputSchema }: Pin): void {
    const place = placeOf(invocationId);
    this.ids[place] = invocationId;
    this.providers[place] = agentId;
    this.schemas[place] = outputSchema;
  }

  /** Undefined when the agent provides no such invocation. */
  async of(invocationId: bigint, providerAgentId: bigint): Promise<Pick<Pin, 'outputSchema'> | undefined> {
    const place = placeOf(invocationId);
    const outputSchema = this.schemas[place];
    if (outputSchema === undefined || this.ids[place] !== invocationId)
      return this.services.outputSchemaOf(invocationId, providerAgentId);
    return this.providers[place] === providerAgentId ? { outputSchema } : undefined;
  }
}

function placeOf(invocationId: bigint): number {
  return Number(BigInt.asUintN(32, invocationId)) % PLACES;
}
