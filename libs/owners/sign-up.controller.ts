import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isJsonObject, Problem } from '#kernel';
import { dtoOf, InjectConfig, TakesForm, validationFailed, type Config, type RawAnswer } from '#platform';
import { shownKeyView } from './key.view.js';
import { ownerView, signedInView } from './login.view.js';
import { SignUpBody, SignUpForm } from './logins.dto.js';
import { Invitations } from './invitations.usecase.js';
import { isSecure } from './origin.js';
import { cookieOf } from './session-cookie.js';
import { clientOf } from './sessions.controller.js';
import { formPage, refusedPage, welcomePage } from './sign-up.page.js';
import { SignUps, type SignedUp } from './sign-up.usecase.js';

/** Signing up: the page that a link opens, and the same for programs. */
@Controller()
export class SignUpController {
  constructor(
    private readonly signUps: SignUps,
    private readonly invitations: Invitations,
    @InjectConfig() private readonly config: Config,
  ) {}

  @Post('openapi/v1/signup')
  async signUp(
    @Body() body: SignUpBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const signedUp = await this.signUps.signUp(body, clientOf(request));
    this.giveCookie(request, reply, signedUp);
    const { owner: _, ...session } = signedInView(signedUp) as { owner: object };
    const login = { login: signedUp.login, email: body.email ?? null };
    return { owner: ownerView(signedUp.owner, login), key: shownKeyView(signedUp.key), session };
  }

  @Get('signup/:token')
  async page(@Param('token') token: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<RawAnswer> {
    return this.shown(reply, async () => {
      const { name, email } = await this.invitations.open(token);
      return formPage({ name: name ?? '', email: email ?? '' });
    });
  }

  @Post('signup/:token')
  @TakesForm()
  async submit(
    @Param('token') token: string,
    @Body() fields: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RawAnswer> {
    const given = isJsonObject(fields) ? fields : {};
    void reply.code(200);
    return this.shown(reply, async () => {
      try {
        await this.invitations.open(token);
        const { again, ...form } = dtoOf(SignUpForm, given);
        if (again !== form.password)
          throw validationFailed([{ field: 'again', message: 'must be the same password', code: 'invalid' }]);
        const signedUp = await this.signUps.signUp({ ...form, token }, clientOf(request));
        this.giveCookie(request, reply, signedUp);
        return welcomePage(signedUp);
      } catch (error) {
        // What can be put right is shown in the form, with what was typed but the password.
        if (!(error instanceof Problem) || !CORRECTABLE.has(error.kind.code)) throw error;
        void reply.code(error.kind.status);
        return formPage({ name: textOf(given['name']), email: textOf(given['email']) }, error);
      }
    });
  }

  /** Whoever looks at a page gets a page, also as a refusal. */
  private async shown(reply: FastifyReply, work: () => Promise<RawAnswer>): Promise<RawAnswer> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || !['NOT_FOUND', 'INVITATION_ENDED'].includes(error.kind.code)) throw error;
      void reply.code(error.kind.status);
      return refusedPage(error);
    }
  }

  /** Not to a browser that another site has sent here: nobody shall be signed in as somebody else without noticing. */
  private giveCookie(request: FastifyRequest, reply: FastifyReply, { session }: SignedUp): void {
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return;
    void reply.header('set-cookie', cookieOf(session.key, isSecure(request, this.config)));
  }
}

const CORRECTABLE = new Set(['VALIDATION_FAILED', 'LOGIN_TAKEN', 'OVERLOADED']);

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 254) : '';
}
