import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** An invocation whose notification went out so long ago. */
export type HandedOver = { invocationId: bigint; agoMs: number };

export type AcknowledgeVerdict = {
  verdict: 'acknowledged' | 'already_settled' | 'deadline_passed' | 'not_found';
  acknowledgedAt: Date | null;
};
export type ProgressVerdict = { verdict: AcknowledgeVerdict['verdict'] | 'too_many'; at: Date | null };
export type ReviewVerdict = {
  verdict: 'reviewed' | 'not_found' | 'not_completed' | 'already_reviewed';
  providerAgentId: bigint | null;
};

/** What happens to an invocation besides its end (prisma/functions/32_invocation_marks.sql). */
@Injectable()
export class MarksStore {
  constructor(private readonly database: Database) {}

  async handedOver(handed: readonly HandedOver[], channel: string): Promise<void> {
    await this.database.query(
      'select market.invocation_handed_over($1::bigint[], $2::integer[], $3)',
      [handed.map(({ invocationId }) => invocationId), handed.map(({ agoMs }) => agoMs), channel],
      'invocation-handed-over',
    );
  }

  async acknowledgeAll(ids: readonly bigint[]): Promise<void> {
    await this.database.query('select market.invocations_acknowledge($1::bigint[])', [ids], 'invocations-acknowledge');
  }

  async taken(handed: readonly HandedOver[], channel: string): Promise<void> {
    await this.database.query(
      'select market.invocations_taken($1::bigint[], $2::integer[], $3)',
      [handed.map(({ invocationId }) => invocationId), handed.map(({ agoMs }) => agoMs), channel],
      'invocations-taken',
    );
  }

  async acknowledge(id: bigint, providerAgentId: bigint): Promise<AcknowledgeVerdict> {
    return only(
      await this.database.query<AcknowledgeVerdict>(
        'select verdict, acknowledged_at as "acknowledgedAt" from market.invocation_acknowledge($1, $2)',
        [id, providerAgentId],
        'invocation-acknowledge',
      ),
    );
  }

  async progress(id: bigint, providerAgentId: bigint, percent: number, note: string): Promise<ProgressVerdict> {
    return only(
      await this.database.query<ProgressVerdict>('select verdict, at from market.invocation_progress($1, $2, $3, $4)', [
        id,
        providerAgentId,
        percent,
        note,
      ]),
    );
  }

  async review(
    id: bigint,
    callerAgentId: bigint,
    rating: number | undefined,
    review: string | undefined,
  ): Promise<ReviewVerdict> {
    return only(
      await this.database.query<ReviewVerdict>(
        'select verdict, provider_agent_id as "providerAgentId" from market.invocation_review($1, $2, $3, $4)',
        [id, callerAgentId, rating, review],
      ),
    );
  }
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
