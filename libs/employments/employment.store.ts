import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import {
  phasesOf,
  type EmploymentAction,
  type EmploymentPhase,
  type EmploymentStatus,
  type Role,
} from './employment.js';

/** What an employer wants; the key is the request's own name for it. */
export type Offer = {
  employerAgentId: bigint;
  employerOwnerId: bigint;
  keyId: bigint | undefined;
  employeeAgentId: bigint;
  salary: bigint;
  stake: bigint;
  duration: number | undefined;
  key: string | undefined;
  fingerprint: Buffer | undefined;
  /** What the employer's owner has approved. */
  approvalId: bigint | undefined;
};

export type OfferLimits = { offerHours: number; hoursMax: number; pendingMax: number };

export type OfferVerdict = {
  verdict:
    | 'offered'
    | 'replay'
    | 'key_reused'
    | 'key_ended'
    | 'employer_frozen'
    | 'own_agent'
    | 'employee_not_found'
    | 'employee_frozen'
    | 'too_many'
    | 'insufficient_funds'
    | 'over_budget'
    | 'consent_needed'
    | 'approval_ended';
  employmentId: bigint | null;
  staked: bigint;
  createdAt: Date;
  dueAt: Date | null;
};

export type StepWish = {
  id: bigint;
  action: EmploymentAction;
  /** Who asks; the platform itself (end) is nobody. */
  actorAgentId: bigint | undefined;
  keyId: bigint | undefined;
  words: string | undefined;
};

export type StepVerdict = {
  verdict:
    | 'done'
    | 'replay'
    | 'key_ended'
    | 'employee_frozen'
    | 'not_found'
    | 'offer_expired'
    | 'ended'
    | 'is_active'
    | 'is_pending'
    | 'not_due';
  hasChanged: boolean;
  phase: EmploymentPhase | null;
  employerAgentId: bigint | null;
  employeeAgentId: bigint | null;
  staked: bigint;
  payment: bigint;
  billedHours: bigint;
  dueAt: Date | null;
  startedAt: Date | null;
  endedAt: Date | null;
};

export type EmploymentRow = {
  id: bigint;
  employerAgentId: bigint;
  employerAgentName: string;
  employeeAgentId: bigint;
  employeeAgentName: string;
  salary: bigint;
  staked: bigint;
  durationHours: number | null;
  phase: EmploymentPhase;
  createdAt: Date;
  dueAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  /** How long it has been active, until now or its end. */
  activeS: bigint;
  billedHours: bigint;
  payment: bigint;
  reason: string | null;
};

export type ListFilter = { role?: Role | undefined; status?: EmploymentStatus | undefined };

const ROW = `m.id, m.employer_agent_id as "employerAgentId", r.name as "employerAgentName", m.employee_agent_id as "employeeAgentId",
  e.name as "employeeAgentName", m.salary, case when m.hold_id is null then 0 else m.stake end as staked,
  m.duration_hours as "durationHours", m.phase, m.created_at as "createdAt", m.due_at as "dueAt", m.started_at as "startedAt",
  m.ended_at as "endedAt", greatest(0, floor(extract(epoch from
    coalesce(m.ended_at, least(platform.clock(), m.due_at)) - m.started_at)))::bigint as "activeS",
  m.billed_hours as "billedHours", m.payment, m.reason`;
const JOINS = `join market.agent r on r.id = m.employer_agent_id
  join market.agent e on e.id = m.employee_agent_id`;

/** Lists count so far and no further, and page no deeper. */
const COUNT_MAX = 10_000;

/** Employments: read here, written by the functions of prisma/functions/61_employments.sql, one call a write. */
@Injectable()
export class EmploymentStore {
  constructor(private readonly database: Database) {}

  async offer(offer: Offer, { offerHours, hoursMax, pendingMax }: OfferLimits): Promise<OfferVerdict> {
    return only(
      await this.database.query<OfferVerdict>(
        `select verdict, employment_id as "employmentId", staked, created_at as "createdAt", due_at as "dueAt"
        from market.employment_offer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
        [
          offer.employerAgentId,
          offer.employerOwnerId,
          offer.keyId,
          offer.employeeAgentId,
          offer.salary,
          offer.stake,
          offer.duration,
          offer.key,
          offer.fingerprint,
          offerHours,
          hoursMax,
          pendingMax,
          offer.approvalId,
        ],
        'employment-offer',
      ),
    );
  }

  async step({ id, action, actorAgentId, keyId, words }: StepWish): Promise<StepVerdict> {
    return only(
      await this.database.query<StepVerdict>(
        `select verdict, has_changed as "hasChanged", phase, employer_agent_id as "employerAgentId",
          employee_agent_id as "employeeAgentId", staked, payment, billed_hours as "billedHours", due_at as "dueAt",
          started_at as "startedAt", ended_at as "endedAt"
        from market.employment_step($1, $2, $3, $4, $5)`,
        [id, action, actorAgentId, keyId, words],
        'employment-step',
      ),
    );
  }

  /** Those that are due, the longest first. */
  async due(limit: number): Promise<bigint[]> {
    const rows = await this.database.query<{ id: bigint }>(
      'select id from market.employments_due($1) as id',
      [limit],
      'employments-due',
    );
    return rows.map(({ id }) => id);
  }

  /** The employment, if the agent is a party of it. */
  async findFor(agentId: bigint, id: bigint): Promise<EmploymentRow | undefined> {
    const [found] = await this.database.query<EmploymentRow>(
      `select ${ROW}
      from market.employment m
      ${JOINS}
      where m.id = $1 and $2 in (m.employer_agent_id, m.employee_agent_id)`,
      [id, agentId],
      'employment-find',
    );
    return found;
  }

  /** The agent's employments as employer, as employee or both, newest first. */
  async list(
    agentId: bigint,
    { role, status }: ListFilter,
    page: number,
    limit: number,
  ): Promise<{ rows: EmploymentRow[]; total: number }> {
    const phases = status === undefined ? null : phasesOf(status);
    const sides = role === undefined ? ['employer', 'employee'] : [role];
    const side = (one: string, columns: string, bound: string): string =>
      `(select ${columns} from market.employment where ${one}_agent_id = $1 and ($2::text[] is null or phase = any ($2)) ${bound})`;
    const [count] = await this.database.query<{ total: bigint }>(
      `select least(count(*), ${COUNT_MAX}) as total
      from (${sides.map((one) => side(one, '1', `limit ${COUNT_MAX}`)).join(' union all ')}) c`,
      [agentId, phases],
    );
    const total = Number(count?.total ?? 0n);
    const offset = (page - 1) * limit;
    if (offset >= COUNT_MAX) return { rows: [], total };
    const ids = sides.map((one) => side(one, 'id', 'order by id desc limit $3')).join(' union all ');
    const rows = await this.database.query<EmploymentRow>(
      `select ${ROW}
      from (select id from (${ids}) s order by id desc limit $4 offset $5) page
      join market.employment m on m.id = page.id
      ${JOINS}
      order by m.id desc`,
      [agentId, phases, offset + limit, limit, offset],
    );
    return { rows, total };
  }
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
