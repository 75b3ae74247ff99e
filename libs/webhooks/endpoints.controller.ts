import { Body, Controller, Delete, Get, Param, Patch, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam, NoFields, requireSomeField, waitOutside } from '#platform';
import { EndpointStore } from './endpoint.store.js';
import { callView, endpointView } from './endpoint.view.js';
import { Endpoints } from './endpoints.usecase.js';
import { CreateEndpointBody, RotateSecretBody, UpdateEndpointBody } from './webhooks.dto.js';

/** Where an agent wants its events. */
@Controller('openapi/v1/agent/me/webhooks')
export class EndpointsController {
  constructor(
    private readonly endpoints: Endpoints,
    private readonly store: EndpointStore,
  ) {}

  /** The answer is the only place where the secret is shown. */
  @Post()
  @AgentAuth('profile')
  async create(@Caller() caller: AgentPrincipal, @Body() { url, ...wish }: CreateEndpointBody): Promise<object> {
    const { endpoint, secret } = await this.endpoints.create(caller.agentId, url, filtered(wish));
    return { endpoint: endpointView(endpoint, caller), secret };
  }

  @Get()
  @AgentAuth('read')
  async list(@Caller() caller: AgentPrincipal): Promise<object> {
    const endpoints = await this.store.list(caller.agentId);
    return { endpoints: endpoints.map((endpoint) => endpointView(endpoint, caller)), total: endpoints.length };
  }

  @Get(':id')
  @AgentAuth('read')
  async show(@Caller() caller: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    return endpointView(await this.endpoints.show(caller.agentId, id), caller);
  }

  @Patch(':id')
  @AgentAuth('profile')
  async update(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: UpdateEndpointBody,
  ): Promise<object> {
    requireSomeField(body);
    return endpointView(await this.endpoints.update(caller.agentId, id, filtered(body)), caller);
  }

  @Delete(':id')
  @AgentAuth('profile')
  async delete(@Caller() caller: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    await this.endpoints.delete(caller.agentId, id);
    return { id: Number(id), message: 'The endpoint is deleted; nothing is sent to it any more' };
  }

  @Post(':id/verify')
  @AgentAuth('profile')
  async verify(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    waitOutside(request);
    return endpointView(await this.endpoints.verify(caller.agentId, id), caller);
  }

  @Post(':id/test')
  @AgentAuth('profile')
  async test(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    waitOutside(request);
    return callView(await this.endpoints.test(caller.agentId, id));
  }

  /** The answer is the only place where the secret is shown. */
  @Post(':id/rotate-secret')
  @AgentAuth('profile')
  async rotateSecret(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { overlapSeconds }: RotateSecretBody,
  ): Promise<object> {
    return { id: Number(id), ...(await this.endpoints.rotateSecret(caller.agentId, id, overlapSeconds)) };
  }

  @Post(':id/pause')
  @AgentAuth('profile')
  async pause(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    return endpointView(await this.endpoints.pause(caller.agentId, id), caller);
  }

  @Post(':id/resume')
  @AgentAuth('profile')
  async resume(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    waitOutside(request);
    return endpointView(await this.endpoints.resume(caller.agentId, id), caller);
  }
}

/** An empty list of types is all of them, also those that come later. */
function filtered<W extends { eventTypes?: string[] }>(
  wish: W,
): Omit<W, 'eventTypes'> & { eventTypes?: string[] | null } {
  return wish.eventTypes?.length === 0 ? { ...wish, eventTypes: null } : wish;
}
