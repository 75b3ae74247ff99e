import { Body, Controller, Delete, Get, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { IdParam, InjectConfig, type Config } from '#platform';
import { AdminAuth } from './auth.js';
import { InvitationStore } from './invitations.store.js';
import { Invitations } from './invitations.usecase.js';
import { invitationView } from './login.view.js';
import { InviteBody } from './logins.dto.js';
import { originOf } from './origin.js';

const SHOWN_MAX = 100;

/** Links to sign up with, as an administrator makes them. */
@Controller('openapi/v1/admin/invitations')
@AdminAuth()
export class AdminInvitationsController {
  constructor(
    private readonly invitations: Invitations,
    private readonly store: InvitationStore,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** The answer is the only place where the link is shown. */
  @Post()
  async create(@Body() wish: InviteBody, @Req() request: FastifyRequest): Promise<object> {
    const { token, ...invitation } = await this.invitations.create(wish);
    return { ...invitationView(invitation), url: signUpLink(originOf(request, this.config), token) };
  }

  @Get()
  async list(): Promise<object> {
    const invitations = await this.store.list(SHOWN_MAX);
    return { invitations: invitations.map(invitationView) };
  }

  @Delete(':id')
  async revoke(@Param('id', IdParam) id: bigint): Promise<object> {
    await this.invitations.revoke(id);
    return { id: Number(id), message: 'The link opens nothing any more' };
  }
}

export function signUpLink(origin: string, token: string): string {
  return `${origin}/signup/${token}`;
}
