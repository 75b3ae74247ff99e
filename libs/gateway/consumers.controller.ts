import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { notFound } from '#platform';
import { ConsumerNames } from './consumer-names.store.js';
import { ConsumersQuery } from './events.dto.js';
import { gatewayProblems } from './gateway.problems.js';
import { CONSUMERS_MAX, isKnownName, WATCHER } from './v1-frames.js';

/** The names under which an agent's sockets read its events. */
@Controller('openapi/v1/agent/me/consumers')
export class ConsumersController {
  constructor(private readonly names: ConsumerNames) {}

  @Get()
  @AgentAuth('read')
  async list(@Caller() { agentId }: AgentPrincipal, @Query() _query: ConsumersQuery): Promise<object> {
    const consumers = await this.names.list(agentId);
    const watching = consumers.filter(({ name }) => name.startsWith(WATCHER)).length;
    return {
      consumers: consumers.map((one) => ({
        ...one,
        ackedSeq: Number(one.ackedSeq),
        takenSeq: Number(one.takenSeq),
        types: one.types ?? [],
      })),
      max: CONSUMERS_MAX,
      working: consumers.length - watching,
      watching,
    };
  }

  /** Its place is gone with it; a consumer that comes with this name begins anew. */
  @Delete(':name')
  @AgentAuth('provide')
  async forget(@Caller() { agentId }: AgentPrincipal, @Param('name') name: string): Promise<object> {
    const verdict = isKnownName(name) ? await this.names.forget(agentId, name) : 'unknown';
    if (verdict === 'unknown') throw notFound();
    if (verdict === 'open')
      throw gatewayProblems.CONSUMER_OPEN(`A socket of the consumer "${name}" is open; close it first`);
    return { name, message: 'The consumer is forgotten' };
  }
}
