import { Injectable } from '@nestjs/common';
import { Recent, type JsonObject } from '#kernel';
import { ServiceStore } from '#services';

type Pin = { providerAgentId: bigint; outputSchema: JsonObject | null };

const REMEMBERED_MAX = 20_000;

/**
 * The output schemas of invocations. Those that this process has opened are remembered, since a version of a service never changes;
 * the others are looked up. Measured: the look-up was a third of the database's work for a life.
 */
@Injectable()
export class PinnedSchemas {
  private readonly pins = new Recent<bigint, Pin>(REMEMBERED_MAX);

  constructor(private readonly services: ServiceStore) {}

  remember(invocationId: bigint, pin: Pin): void {
    this.pins.set(invocationId, pin);
  }

  /** Undefined when the agent provides no such invocation. */
  async of(invocationId: bigint, providerAgentId: bigint): Promise<Pick<Pin, 'outputSchema'> | undefined> {
    const pin = this.pins.get(invocationId);
    if (pin === undefined) return this.services.outputSchemaOf(invocationId, providerAgentId);
    return pin.providerAgentId === providerAgentId ? pin : undefined;
  }
}
