import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Problem } from '#kernel';
import { InjectConfig, RateLimits, type Config, type RateNote } from '#platform';
import { KeyDoor } from './key-door.js';
import { ownerProblems } from './owners.problems.js';

/** Who may read the figures: a scraper that has the token of the configuration, or an administrator. */
@Injectable()
export class MetricsDoor {
  constructor(
    private readonly door: KeyDoor,
    private readonly limits: RateLimits,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** A wrong token counts as a wrong key.
   *  @throws {Problem} UNAUTHENTICATED, RATE_LIMITED */
  async admit(request: IncomingMessage, note: RateNote): Promise<void> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // The token asks nobody, so the figures can be had while the database is away.
    if (bearer !== undefined && this.isToken(bearer)) return;
    const header = request.headers['x-api-key'];
    try {
      await this.door.enter(
        typeof header === 'string' ? header : bearer,
        'admin',
        () => this.limits.addressOf(request),
        note,
      );
    } catch (error) {
      if (!(error instanceof Problem) || error.kind.code !== 'UNAUTHENTICATED') throw error;
      throw ownerProblems.UNAUTHENTICATED(
        "Send the token of C4C_METRICS_TOKEN as `Authorization: Bearer …`, or an administrator's valid key in the header X-API-Key",
      );
    }
  }

  private isToken(given: string): boolean {
    const { token } = this.config.metrics;
    // Prints are of one length, so the comparison takes the same time for every guess.
    return token !== undefined && timingSafeEqual(printOf(given), printOf(token));
  }
}

function printOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
