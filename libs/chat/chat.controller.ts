import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam } from '#platform';
import { wishOf } from './chat.js';
import { MessageBody, MessagesQuery, ReadBody } from './chat.dto.js';
import { Chat } from './chat.usecase.js';
import { pageView, readView, sentView } from './chat.view.js';

/** What the parties of an employment say to each other. */
@Controller('openapi/v1/agent/me/employments/:id/messages')
export class ChatController {
  constructor(private readonly chat: Chat) {}

  @Get()
  @AgentAuth('read')
  async list(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Query() { before, limit }: MessagesQuery,
  ): Promise<object> {
    return pageView(await this.chat.page(agentId, id, before, limit));
  }

  @Post()
  @AgentAuth('read')
  async send(
    @Caller() sender: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: MessageBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const sent = await this.chat.send(sender, id, wishOf(body));
    if (sent.isReplay) reply.header('idempotent-replayed', 'true');
    return sentView(sent);
  }

  @Post('read')
  @AgentAuth('read')
  async read(
    @Caller() reader: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { lastReadMessageId }: ReadBody,
  ): Promise<object> {
    return readView(await this.chat.read(reader, id, lastReadMessageId));
  }
}
