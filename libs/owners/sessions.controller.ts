import { Body, Controller, Delete, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#kernel';
import { IdParam, InjectConfig, notFound, RateLimits, type Config } from '#platform';
import { Caller, OwnerAuth } from './auth.js';
import { sessionView, signedInView } from './login.view.js';
import { SignInBody } from './logins.dto.js';
import { Logins, type SignedIn } from './logins.usecase.js';
import { isSecure } from './origin.js';
import type { OwnerPrincipal } from './principal.js';
import { cookieOf, noCookie } from './session-cookie.js';
import { Sessions } from './sessions.usecase.js';

/** Signing in. Whoever guesses is counted twice: for the login, and for the address. */
@Controller('openapi/v1/sessions')
export class SignInController {
  constructor(
    private readonly logins: Logins,
    private readonly limits: RateLimits,
    @InjectConfig() private readonly config: Config,
  ) {}

  @Post()
  async create(
    @Body() { login, password }: SignInBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const signedIn = await this.counted(request, () => this.logins.signIn(login, password, clientOf(request)));
    void reply.header('set-cookie', cookieOf(signedIn.session.key, isSecure(request, this.config)));
    return signedInView(signedIn);
  }

  /** Only what was wrong stays counted. @throws {Problem} RATE_LIMITED, and what `work` throws */
  private async counted(request: FastifyRequest, work: () => Promise<SignedIn>): Promise<SignedIn> {
    const guess = this.limits.guess(this.limits.addressOf(request.raw), request);
    try {
      const signedIn = await work();
      guess.wasRight();
      return signedIn;
    } catch (error) {
      if (!(error instanceof Problem) || error.kind.code !== 'LOGIN_FAILED') guess.wasRight();
      throw error;
    }
  }
}

/** An owner's sessions. */
@Controller('openapi/v1/owner/sessions')
@OwnerAuth()
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    @InjectConfig() private readonly config: Config,
  ) {}

  @Get()
  async list(@Caller() { ownerId, keyId }: OwnerPrincipal): Promise<object> {
    const sessions = await this.sessions.list(ownerId);
    return { sessions: sessions.map((session) => sessionView(session, keyId)), total: sessions.length };
  }

  @Delete('current')
  async endCurrent(
    @Caller() { ownerId, keyId, isSession }: OwnerPrincipal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    if (!isSession) throw notFound();
    await this.sessions.end(ownerId, keyId);
    void reply.header('set-cookie', noCookie(isSecure(request, this.config)));
    return endedView(keyId);
  }

  @Delete(':id')
  async end(@Caller() { ownerId }: OwnerPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    await this.sessions.end(ownerId, id);
    return endedView(id);
  }
}

function endedView(id: bigint): object {
  return { id: Number(id), message: 'The session has ended' };
}

const CLIENT_MAX = 100;

/** How whoever signs in calls itself, so that owners tell their sessions apart. Control characters could command a terminal. */
export function clientOf({ headers }: FastifyRequest): string {
  return (headers['user-agent'] ?? '').replaceAll(/[^\x20-\x7e]/g, '').slice(0, CLIENT_MAX);
}
