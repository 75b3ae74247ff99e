import { Body, Controller, Get, Headers, Param, Post, Query } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam, idempotencyKeyOf, NoFields, notFound } from '#platform';
import { DeliveriesQuery, ReplayBody, ReplaysQuery } from './deliveries.dto.js';
import { DeliveryLog } from './delivery-log.store.js';
import { attemptView, deliveryView, replayView } from './delivery.view.js';
import { EndpointStore, type Endpoint } from './endpoint.store.js';
import { ReplayStore } from './replay.store.js';
import { Replays } from './replay.usecase.js';

/** What was sent to an endpoint, and sending it once more. */
@Controller('openapi/v1/agent/me/webhooks/:id')
export class DeliveriesController {
  constructor(
    private readonly endpoints: EndpointStore,
    private readonly log: DeliveryLog,
    private readonly replays: Replays,
    private readonly replayStore: ReplayStore,
  ) {}

  @Get('deliveries')
  @AgentAuth('read')
  async list(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Query() { limit, ...filter }: DeliveriesQuery,
  ): Promise<object> {
    await this.own(caller, id);
    const { rows, nextBefore } = await this.log.list(id, filter, limit);
    return { deliveries: rows.map(deliveryView), nextBefore: nextBefore === null ? null : Number(nextBefore) };
  }

  @Get('deliveries/:deliveryId')
  @AgentAuth('read')
  async show(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('deliveryId', IdParam) deliveryId: bigint,
  ): Promise<object> {
    await this.own(caller, id);
    const row = await this.log.find(id, deliveryId);
    if (row === undefined) throw notFound();
    return { ...deliveryView(row), tries: (await this.log.attemptsOf(deliveryId)).map(attemptView) };
  }

  /** With an Idempotency-Key the same request again gets the same delivery. */
  @Post('deliveries/:deliveryId/replay')
  @AgentAuth('profile')
  async replayOne(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('deliveryId', IdParam) deliveryId: bigint,
    @Body() _body: NoFields,
    @Headers() headers: IncomingHttpHeaders,
  ): Promise<object> {
    return deliveryView(await this.replays.one(await this.own(caller, id), deliveryId, idempotencyKeyOf(headers)));
  }

  @Post('replays')
  @AgentAuth('profile')
  async replay(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: ReplayBody,
    @Headers() headers: IncomingHttpHeaders,
  ): Promise<object> {
    return replayView(await this.replays.many(await this.own(caller, id), body, idempotencyKeyOf(headers)));
  }

  @Get('replays')
  @AgentAuth('read')
  async listReplays(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Query() { limit }: ReplaysQuery,
  ): Promise<object> {
    await this.own(caller, id);
    return { replays: (await this.replayStore.list(id, limit)).map(replayView) };
  }

  @Get('replays/:replayId')
  @AgentAuth('read')
  async showReplay(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('replayId', IdParam) replayId: bigint,
  ): Promise<object> {
    await this.own(caller, id);
    return replayView(await this.replays.show(id, replayId));
  }

  /** @throws {Problem} NOT_FOUND */
  private async own({ agentId }: AgentPrincipal, id: bigint): Promise<Endpoint> {
    const endpoint = await this.endpoints.find(agentId, id);
    if (endpoint === undefined) throw notFound();
    return endpoint;
  }
}
