import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { Caller, keyView, KeyStore, OwnerAuth, shownKeyView, type OwnerPrincipal } from '#owners';
import { IdParam, NoFields, notFound } from '#platform';
import { AgentKeys } from './agent-keys.usecase.js';
import { AgentStore } from './agent.store.js';
import { ownerAgentView } from './agent.view.js';
import { CreateAgentBody, CreateKeyBody, FreezeBody, OwnerAgentsQuery, RotateKeyBody } from './agents.dto.js';

/** An owner's agents and their keys, by the owner's key. */
@Controller('openapi/v1/owner/agents')
@OwnerAuth()
export class OwnerAgentsController {
  constructor(
    private readonly agents: AgentStore,
    private readonly agentKeys: AgentKeys,
    private readonly keys: KeyStore,
  ) {}

  /** The answer is the only place where the key is shown. */
  @Post()
  async create(@Caller() { ownerId }: OwnerPrincipal, @Body() body: CreateAgentBody): Promise<object> {
    const { agent, key } = await this.agentKeys.createAgent(ownerId, body);
    return { agent: ownerAgentView(agent), key: shownKeyView(key) };
  }

  @Get()
  async list(@Caller() { ownerId }: OwnerPrincipal, @Query() { page, limit }: OwnerAgentsQuery): Promise<object> {
    const { agents, total } = await this.agents.listOfOwner(ownerId, page, limit);
    return { agents: agents.map(ownerAgentView), total, page, limit };
  }

  @Get(':id')
  async show(@Caller() { ownerId }: OwnerPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const agent = await this.agents.findOfOwner(ownerId, id);
    if (agent === undefined) throw notFound();
    return ownerAgentView(agent);
  }

  @Post(':id/keys')
  async createKey(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: CreateKeyBody,
  ): Promise<object> {
    return shownKeyView(await this.agentKeys.createKey(ownerId, id, body));
  }

  @Get(':id/keys')
  async listKeys(@Caller() { ownerId }: OwnerPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    if ((await this.agents.findOfOwner(ownerId, id)) === undefined) throw notFound();
    const keys = await this.keys.ofAgent(id);
    return { keys: keys.map(keyView), total: keys.length };
  }

  @Delete(':id/keys/:keyId')
  async revokeKey(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('keyId', IdParam) keyId: bigint,
  ): Promise<object> {
    await this.agentKeys.revoke(ownerId, id, keyId);
    return { id: Number(keyId), message: 'The key is revoked; open sockets close within a second' };
  }

  @Post(':id/keys/:keyId/rotate')
  async rotateKey(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('keyId', IdParam) keyId: bigint,
    @Body() { overlapSeconds }: RotateKeyBody,
  ): Promise<object> {
    const { key, replaced } = await this.agentKeys.rotate(ownerId, id, keyId, overlapSeconds);
    return { key: shownKeyView(key), replaces: { id: Number(replaced.id), expiresAt: replaced.expiresAt } };
  }

  @Post(':id/freeze')
  async freeze(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { reason }: FreezeBody,
  ): Promise<object> {
    await this.agentKeys.freeze(ownerId, id, reason);
    return {
      id: Number(id),
      isFrozen: true,
      message: 'The agent is frozen: its keys, sockets and spending stop within a second',
    };
  }

  @Post(':id/unfreeze')
  async unfreeze(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    await this.agentKeys.unfreeze(ownerId, id);
    return { id: Number(id), isFrozen: false, message: 'The agent works again' };
  }
}
