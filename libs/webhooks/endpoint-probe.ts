import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isEchoed, newChallenge, probeBodyOf, type ProbeType } from '#kernel';
import { Egress, rateLimitProblems, type EgressResult } from '#platform';
import { EndpointStore, type Endpoint } from './endpoint.store.js';
import { ProbeBudget } from './probe-budget.js';
import { sign } from './signing.js';
import { webhookProblems } from './webhooks.problems.js';

const WITHIN_MS = 10_000;

/** Calls an endpoint at once, at its agent's word; what comes of it is answered and not kept. */
@Injectable()
export class EndpointProbe {
  private readonly budget = new ProbeBudget();

  constructor(
    private readonly store: EndpointStore,
    private readonly egress: Egress,
  ) {}

  /** Sends a signed `ping`. @throws {Problem} RATE_LIMITED, WEBHOOK_SECRET_LOST */
  async ping(endpoint: Endpoint): Promise<EgressResult> {
    return this.post(endpoint, 'ping', {});
  }

  /** Sends a signed challenge. Answers undefined when it came back within 10 s, else a sentence about what came instead.
   *  @throws {Problem} RATE_LIMITED, WEBHOOK_SECRET_LOST */
  async challenge(endpoint: Endpoint): Promise<string | undefined> {
    const challenge = newChallenge();
    const result = await this.post(endpoint, 'endpoint.verify', { challenge });
    if (result.kind === 'failed') return `There was no answer: ${result.detail} (${result.reason})`;
    if (result.status < 200 || result.status > 299) return `It answered with status ${result.status}`;
    return isEchoed(result.body, challenge) ? undefined : 'It answered, but not with the challenge';
  }

  private async post(
    { id, agentId, ownerId, url, state }: Endpoint,
    type: ProbeType,
    data: Readonly<Record<string, unknown>>,
  ): Promise<EgressResult> {
    const secrets = (await this.store.liveSecrets([id])).get(id) ?? [];
    if (secrets.length === 0) {
      throw webhookProblems.WEBHOOK_SECRET_LOST(
        'Nothing can be signed for this endpoint, since its secrets were kept under another C4C_SECRET; rotate its secret',
      );
    }
    const now = new Date();
    const unverifiedHost = state === 'unverified' ? hostOf(url) : undefined;
    const refusal = this.budget.take({ agentId, ownerId, unverifiedHost }, now.getTime());
    if (refusal !== undefined) {
      throw rateLimitProblems.RATE_LIMITED(refusal.message, { retryAfterS: Math.ceil(refusal.waitMs / 1_000) });
    }
    const eventId = `evt_${randomUUID()}`;
    const body = Buffer.from(JSON.stringify(probeBodyOf(type, eventId, now, Number(id), data)));
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'c4c-webhooks/1',
      'x-c4c-event': type,
      'x-c4c-attempt': '1',
      ...sign(secrets, eventId, now, body),
    };
    return this.egress.post({ url, headers, body, totalMs: WITHIN_MS });
  }
}

/** Also one and the same when it is spelled with the root's dot at its end. */
function hostOf(url: string): string {
  return URL.parse(url)?.host.replace(/\.(?=:|$)/, '') ?? url;
}
