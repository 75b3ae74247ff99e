import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#kernel';
import { Database, type Tx } from '#platform';
import { APPROVAL_HOURS, APPROVALS_MAX, type Action, type ApprovalState } from './consent.js';

export type ApprovalWish = {
  ownerId: bigint;
  agentId: bigint;
  action: Action;
  request: JsonObject;
  print: Buffer;
  key: string | undefined;
  amount: bigint;
  sentence: string;
  reasons: JsonObject[];
};

export type AskVerdict = {
  verdict: 'asked' | 'waiting' | 'denied' | 'key_reused' | 'too_many';
  id: bigint | null;
  sentence: string | null;
  expiresAt: Date | null;
};

export type DecideVerdict = {
  verdict: 'decided' | 'replay' | 'not_found' | 'expired' | 'already_decided';
  state: ApprovalState | null;
};

export type Approval = {
  id: bigint;
  ownerId: bigint;
  agentId: bigint;
  agentName: string;
  action: Action;
  state: ApprovalState;
  request: JsonObject;
  key: string | null;
  amount: bigint;
  sentence: string;
  reasons: JsonObject[];
  createdAt: Date;
  expiresAt: Date;
  decidedAt: Date | null;
  decidedBy: string | null;
  words: string | null;
  endedAt: Date | null;
  resultId: bigint | null;
  problem: JsonObject | null;
};

export type ApprovalFilter = {
  ownerId?: bigint | undefined;
  agentId?: bigint | undefined;
  state?: ApprovalState | undefined;
  before?: bigint | undefined;
};

// What is not decided in time is expired, whether or not that has been written down already.
const STATE = `case when p.state = 'pending' and p.expires_at <= platform.clock() then 'expired' else p.state end`;
const APPROVAL = `p.id, p.owner_id as "ownerId", p.agent_id as "agentId", a.name as "agentName", p.action, ${STATE} as state, p.request,
  p.idempotency_key as key, p.amount, p.sentence, p.reasons, p.created_at as "createdAt", p.expires_at as "expiresAt",
  p.decided_at as "decidedAt", p.decided_by as "decidedBy", p.words, p.ended_at as "endedAt", p.result_id as "resultId", p.problem`;
const TABLES = 'market.approval p join market.agent a on a.id = p.agent_id';

/** Approvals: read here, written by the functions of prisma/functions/25_approvals.sql and of the trades. */
@Injectable()
export class ApprovalStore {
  constructor(private readonly database: Database) {}

  async ask(wish: ApprovalWish): Promise<AskVerdict> {
    const [row] = await this.database.query<AskVerdict>(
      `select verdict, id, sentence, expires_at as "expiresAt"
      from market.approval_ask($1, $2, $3, $4, $5, $6, $7, $8, $9, $10 * interval '1 hour', $11)`,
      [
        wish.ownerId,
        wish.agentId,
        wish.action,
        JSON.stringify(wish.request),
        wish.print,
        wish.key,
        wish.amount,
        wish.sentence,
        JSON.stringify(wish.reasons),
        APPROVAL_HOURS,
        APPROVALS_MAX,
      ],
    );
    if (row === undefined) throw new Error('market.approval_ask answered nothing');
    return row;
  }

  async decide(
    ownerId: bigint,
    id: bigint,
    decision: { isApproved: boolean; words: string | undefined; by: string },
  ): Promise<DecideVerdict> {
    const [row] = await this.database.query<DecideVerdict>(
      'select verdict, state from market.approval_decide($1, $2, $3, $4, $5)',
      [ownerId, id, decision.isApproved, decision.words, decision.by],
    );
    if (row === undefined) throw new Error('market.approval_decide answered nothing');
    return row;
  }

  /** Whether it lets its agent do this, in the transaction that does it; it stays locked until the end. */
  async holds(tx: Tx, id: bigint, agentId: bigint, action: Action, amount: bigint): Promise<boolean> {
    const { rows } = await tx.query<{ holds: boolean }>('select market.approval_holds($1, $2, $3, $4) as holds', [
      id,
      agentId,
      action,
      amount,
    ]);
    return rows[0]?.holds === true;
  }

  /** Uses it up, in the transaction that does what it allows. @throws when it is used up */
  async use(tx: Tx, id: bigint, resultId: bigint): Promise<void> {
    await tx.query(`select market.approval_use($1, $2, '{}', platform.clock())`, [id, resultId]);
  }

  /** Ends what cannot be carried out, at once or, where that may pass, when it would have expired. False: it goes on waiting, or has
   *  ended already. */
  async fail(id: bigint, problem: JsonObject, mayPass: boolean): Promise<boolean> {
    const [row] = await this.database.query<{ isDone: boolean }>(
      'select market.approval_fail($1, $2, $3) as "isDone"',
      [id, JSON.stringify(problem), mayPass],
    );
    return row?.isDone === true;
  }

  /** How many were ended. */
  async expire(limit: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>('select market.approval_expire($1) as count', [limit]);
    return row?.count ?? 0;
  }

  /** False when it is not the owner's, or not pending. */
  async link(ownerId: bigint, id: bigint, hash: Buffer): Promise<boolean> {
    const [row] = await this.database.query<{ isDone: boolean }>(
      'select market.approval_link($1, $2, $3) as "isDone"',
      [ownerId, id, hash],
    );
    return row?.isDone === true;
  }

  async find(id: bigint): Promise<Approval | undefined> {
    const [row] = await this.database.query<Approval>(`select ${APPROVAL} from ${TABLES} where p.id = $1`, [id]);
    return row;
  }

  async findByLink(hash: Buffer): Promise<Approval | undefined> {
    const [row] = await this.database.query<Approval>(`select ${APPROVAL} from ${TABLES} where p.link_hash = $1`, [
      hash,
    ]);
    return row;
  }

  /** Newest first. */
  async list({ ownerId, agentId, state, before }: ApprovalFilter, limit: number): Promise<Approval[]> {
    const side = ownerId === undefined ? 'p.agent_id' : 'p.owner_id';
    return this.database.query<Approval>(
      `select ${APPROVAL} from ${TABLES}
      where ${side} = $1 and ($2::bigint is null or p.agent_id = $2) and ($3::text is null or ${STATE} = $3)
        and ($4::bigint is null or p.id < $4)
      order by p.id desc limit $5`,
      [ownerId ?? agentId, agentId, state, before, limit],
    );
  }

  /** Approved a while ago and still not carried out: whoever was to do it is gone, or it could not be done then. */
  async unfinished(olderThanMs: number, limit: number): Promise<Approval[]> {
    return this.database.query<Approval>(
      `select ${APPROVAL} from ${TABLES}
      where p.state = 'approved' and p.decided_at <= platform.clock() - $1 * interval '1 millisecond'
      order by p.decided_at limit $2`,
      [olderThanMs, limit],
    );
  }
}
