import type { IncomingHttpHeaders } from 'node:http';
import { Body, Controller, Get, Headers, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Problem } from '#kernel';
import { httpProblems, lonePage, TakesForm } from '#platform';
import { askPage, donePage, elsewherePage, nothingPage, type LinkPage } from './approval-link.page.js';
import type { Approval } from './approval.store.js';
import { Approvals } from './approvals.usecase.js';
import { DecisionForm } from './consent.dto.js';

type Answer = ReturnType<typeof lonePage>;

/** The page behind a one-time link: whoever has the link is the owner's word, so the link is all that is asked for. */
@Controller('approvals')
export class ApprovalLinkController {
  constructor(private readonly approvals: Approvals) {}

  /** Changes nothing: previews and scanners of mail follow links. */
  @Get(':token')
  async ask(@Param('token') token: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<Answer> {
    const approval = await this.approvals.behind(token);
    return approval === undefined ? page(reply, 404, nothingPage()) : page(reply, 200, askPage(approval));
  }

  /** Decides, and says what became of it. @throws {Problem} VALIDATION_FAILED, UNSUPPORTED_MEDIA_TYPE */
  @Post(':token')
  @TakesForm()
  async decide(
    @Param('token') token: string,
    @Headers() headers: IncomingHttpHeaders,
    @Body() { decision }: DecisionForm,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Answer> {
    if (!isForm(headers)) throw httpProblems.UNSUPPORTED_MEDIA_TYPE('This page takes its own form only');
    if (!isOwnPage(headers)) return page(reply, 403, elsewherePage());
    const approval = await this.approvals.behind(token);
    const decided = approval === undefined ? undefined : await this.decided(approval, decision === 'approve');
    return decided === undefined ? page(reply, 404, nothingPage()) : page(reply, 200, donePage(decided));
  }

  /** Undefined when somebody was quicker, or the time was over. */
  private async decided({ ownerId, id }: Approval, isApproved: boolean): Promise<Approval | undefined> {
    try {
      return await this.approvals.decide(ownerId, id, { isApproved, by: 'link' });
    } catch (error) {
      if (error instanceof Problem && ENDED.has(error.code)) return undefined;
      throw error;
    }
  }
}

const ENDED: ReadonlySet<string> = new Set(['NOT_FOUND', 'APPROVAL_EXPIRED', 'APPROVAL_DECIDED']);

function page(reply: FastifyReply, status: number, content: LinkPage): Answer {
  reply.code(status);
  return lonePage(content);
}

function isForm(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.toLowerCase().startsWith('application/x-www-form-urlencoded') === true;
}

/**
 * Whether the form was posted from this page, where the browser says so. `Sec-Fetch-Site` is the browser's own word and stays right
 * behind a proxy that changes names. Without a referrer, which these pages forbid, the origin of an honest form is "null".
 */
function isOwnPage({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site === 'same-origin';
  if (origin === undefined || origin === 'null') return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
