import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';
import type { Action, Budget, Policy, Reason, SpendLimit } from './consent.js';

/** What a budget is set to; `none` takes it away. */
export type BudgetWish =
  { kind: 'none' } | { kind: 'one_time' | 'periodic'; amount: bigint; period: string | null; beginsAnew: boolean };

export type Spend = {
  agentId: bigint;
  action: Action;
  amount: bigint;
  category: string | null;
  counterpartyAgentId: bigint | null;
};

type BudgetRow = Budget & { agentId: bigint; agentName: string };
type PolicyRow = { agentId: bigint; agentName: string; rules: JsonRule[]; limits: JsonLimit[] };
type JsonRule = { action: Action; consent: 'never' | 'always' | 'above'; above: number | null };
type JsonLimit = { kind: SpendLimit['kind']; subject: string; amount: number };

// Amounts stay below 10^15, so they are exact as JSON numbers.
const POLICY = `a.id as "agentId", a.name as "agentName",
  (select coalesce(json_agg(json_build_object('action', r.action, 'consent', r.consent, 'above', r.above) order by r.action), '[]')
    from ledger.consent_rule r where r.agent_id = a.id) as rules,
  (select coalesce(json_agg(json_build_object('kind', l.kind, 'subject', l.subject, 'amount', l.amount) order by l.kind, l.subject), '[]')
    from ledger.spend_limit l where l.agent_id = a.id) as limits`;

const BUDGET = `a.id as "agentId", a.name as "agentName", b.kind, b.amount, b.period, coalesce(t.amount, 0) as used,
  ledger.period_start(b.period, platform.clock())
    + case b.period when 'daily' then interval '1 day' when 'weekly' then interval '7 days' when 'monthly' then interval '1 month' end
    as "resetAt"`;
const BUDGET_TABLES = `market.agent a
  join ledger.budget b on b.agent_id = a.id
  left join ledger.spend_total t on t.agent_id = a.id and t.scope = 'budget' and t.since = ledger.budget_since(b, platform.clock())`;

/** Budgets and policies: read here, written by functions of prisma/functions/11_spending.sql. */
@Injectable()
export class SpendingStore {
  constructor(private readonly database: Database) {}

  async budget(agentId: bigint): Promise<BudgetRow | undefined> {
    const [row] = await this.database.query<BudgetRow>(`select ${BUDGET} from ${BUDGET_TABLES} where a.id = $1`, [
      agentId,
    ]);
    return row;
  }

  /** The budgets of an owner's agents. */
  async budgetsOf(ownerId: bigint, page: number, limit: number): Promise<{ rows: BudgetRow[]; total: number }> {
    const rows = await this.database.query<BudgetRow & { total: bigint }>(
      `select ${BUDGET}, count(*) over () as total from ${BUDGET_TABLES} where a.owner_id = $1
      order by a.id limit $2 offset $3`,
      [ownerId, limit, (page - 1) * limit],
    );
    return { rows, total: Number(rows[0]?.total ?? 0n) };
  }

  /** False when the agent is not the owner's. */
  async setBudget(ownerId: bigint, agentId: bigint, wish: BudgetWish): Promise<boolean> {
    const isNone = wish.kind === 'none';
    const [row] = await this.database.query<{ isDone: boolean }>(
      'select ledger.set_budget($1, $2, $3, $4, $5, $6) as "isDone"',
      [
        ownerId,
        agentId,
        isNone ? null : wish.kind,
        isNone ? null : wish.amount,
        isNone ? null : wish.period,
        isNone || wish.beginsAnew,
      ],
    );
    return row?.isDone === true;
  }

  /** Of an agent of this owner; without rules and limits when it has no policy. */
  async policy(ownerId: bigint, agentId: bigint): Promise<(Policy & { agentName: string }) | undefined> {
    const [row] = await this.database.query<PolicyRow>(
      `select ${POLICY} from market.agent a where a.id = $1 and a.owner_id = $2`,
      [agentId, ownerId],
    );
    return row === undefined ? undefined : { ...policyFrom(row), agentName: row.agentName };
  }

  /** Of those agents of an owner that have one. */
  async policiesOf(
    ownerId: bigint,
    page: number,
    limit: number,
  ): Promise<{ rows: (Policy & { agentId: bigint; agentName: string })[]; total: number }> {
    const rows = await this.database.query<PolicyRow & { total: bigint }>(
      `select ${POLICY}, count(*) over () as total from market.agent a
      where a.owner_id = $1
        and (exists (select from ledger.consent_rule r where r.agent_id = a.id)
          or exists (select from ledger.spend_limit l where l.agent_id = a.id))
      order by a.id limit $2 offset $3`,
      [ownerId, limit, (page - 1) * limit],
    );
    return {
      rows: rows.map((row) => ({ ...policyFrom(row), agentId: row.agentId, agentName: row.agentName })),
      total: Number(rows[0]?.total ?? 0n),
    };
  }

  /** Replaces it as a whole. False when the agent is not the owner's. */
  async setPolicy(ownerId: bigint, agentId: bigint, { rules, limits }: Policy): Promise<boolean> {
    const [row] = await this.database.query<{ isDone: boolean }>(
      'select ledger.set_policy($1, $2, $3, $4, $5, $6, $7, $8) as "isDone"',
      [
        ownerId,
        agentId,
        rules.map(({ action }) => action),
        rules.map(({ consent }) => consent),
        rules.map((rule) => (rule.consent === 'above' ? rule.above : null)),
        limits.map(({ kind }) => kind),
        limits.map(({ subject }) => subject),
        limits.map(({ amount }) => amount),
      ],
    );
    return row?.isDone === true;
  }

  /** Why the owner is asked about this; empty when nobody is. @param tx where what is done depends on it */
  async reasons({ agentId, action, amount, category, counterpartyAgentId }: Spend, tx?: Tx): Promise<Reason[]> {
    const text = 'select ledger.consent_reasons($1, $2, $3, $4, $5, platform.clock()) as reasons';
    const values = [agentId, action, amount, category, counterpartyAgentId];
    type Found = { reasons: { rule: Reason['rule']; limit?: number; total?: number }[] };
    const rows =
      tx === undefined ? await this.database.query<Found>(text, values) : (await tx.query<Found>(text, values)).rows;
    return (rows[0]?.reasons ?? []).map(({ rule, limit, total }) => ({
      rule,
      ...(limit === undefined ? {} : { limit: BigInt(limit) }),
      ...(total === undefined ? {} : { total: BigInt(total) }),
    }));
  }

  /** What the agent has left, hundredths; undefined where it has no budget. */
  async budgetLeft(agentId: bigint): Promise<bigint | undefined> {
    const [row] = await this.database.query<{ left: bigint | null }>(
      'select ledger.budget_left($1, platform.clock()) as left',
      [agentId],
    );
    return row?.left ?? undefined;
  }
}

function policyFrom({ rules, limits }: PolicyRow): Policy {
  return {
    rules: rules.map(({ action, consent, above }) =>
      consent === 'above' ? { action, consent, above: BigInt(above ?? 0) } : { action, consent },
    ),
    limits: limits.map(({ kind, subject, amount }) => ({ kind, subject, amount: BigInt(amount) })),
  };
}
