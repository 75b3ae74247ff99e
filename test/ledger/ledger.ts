import { createHash } from 'node:crypto';
import type pg from 'pg';

export type HoldItem = {
  id: bigint;
  payer: bigint;
  payee: bigint | null;
  amount: bigint;
  feeBps: number;
};
export type SettleItem = {
  holdId: bigint;
  outcome: 'released' | 'refunded' | 'timed_out' | 'arbitrated';
  /** What goes to the payee's side, fee included. */
  part: bigint;
  notBefore: Date | null;
  notAfter: Date | null;
  /** Where the hold names nobody. */
  payee?: bigint;
};
export type OpenItem = {
  id: bigint;
  holdId: bigint;
  caller: bigint;
  owner: bigint;
  service: bigint;
  version: number;
  maxPrice: bigint | null;
  key: string | null;
  print: string;
  /** The API key that the caller came with; none for the platform itself. */
  keyId?: bigint;
};
export type CloseItem = {
  id: bigint;
  action: 'complete' | 'fail' | 'cancel' | 'expire';
  actor: bigint | null;
  print: string | null;
  keyId?: bigint;
};
export type Opened = { verdict: string; invocationId: bigint; price: bigint | null; createdAt: Date; deadlineAt: Date };
export type Closed = { verdict: string; status: string | null; settledAt: Date | null };
export type ServiceWish = {
  price?: bigint;
  category?: string;
  avgResponseMs?: number;
  maxPending?: number;
  maxPendingPerCaller?: number;
};

// Any agent will do where only money is looked at.
const AGENT = 1n;
const TIMEOUT_MIN_MS = 1_000;
const GIVE_UP = '2100-01-01T00:00:00Z';

/** The SQL functions of the ledger and of the trade on it, called as the server calls them, and the people they need. */
export class Ledger {
  constructor(readonly pool: Pick<pg.Pool, 'query'>) {}

  async owner(funds = 0n): Promise<bigint> {
    const id = await this.one<bigint>(`insert into market.owner (name) values ('somebody') returning id`);
    await this.pool.query('select ledger.open_wallet($1)', [id]);
    if (funds > 0n) await this.deposit(id, funds);
    return id;
  }

  async agent(owner: bigint): Promise<bigint> {
    const id = await this.one<bigint>(`insert into market.agent (owner_id, name) values ($1, 'agent') returning id`, [
      owner,
    ]);
    await this.pool.query('insert into market.agent_stream (agent_id) values ($1)', [id]);
    return id;
  }

  /** An API key of the agent, changed by `sql` afterwards. */
  async key(agent: bigint, owner: bigint, change = ''): Promise<bigint> {
    const id = await this.one<bigint>(
      `insert into market.api_key (kind, owner_id, agent_id, hash, hint, scopes)
      values ('agent', $1, $2, sha256(uuid_send(gen_random_uuid())), '', '{}') returning id`,
      [owner, agent],
    );
    if (change !== '') await this.pool.query(`update market.api_key set ${change} where id = $1`, [id]);
    return id;
  }

  async service(agent: bigint, owner: bigint, wish: ServiceWish = {}): Promise<bigint> {
    const {
      price = 10n,
      category = 'writing',
      avgResponseMs = 60_000,
      maxPending = 1_000,
      maxPendingPerCaller = 100,
    } = wish;
    const id = await this.one<bigint>(
      `insert into market.service (owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending,
        max_pending_per_caller, is_active, version)
      values ($1, $2, gen_random_uuid(), '', $3, $4, $5, $6, $7, true, 1) returning id`,
      [owner, agent, category, price, avgResponseMs, maxPending, maxPendingPerCaller],
    );
    await this.pool.query('insert into market.service_load (service_id, caller_agent_id, pending) values ($1, 0, 0)', [
      id,
    ]);
    await this.addVersion(id);
    return id;
  }

  /** The service's next version, at another price. */
  async reprice(service: bigint, price: bigint): Promise<void> {
    await this.pool.query('update market.service set price = $2, version = version + 1 where id = $1', [
      service,
      price,
    ]);
    await this.addVersion(service);
  }

  async feeRate(category: string, basisPoints: number): Promise<void> {
    await this.pool.query('select ledger.set_fee_rate($1, $2)', [category, basisPoints]);
  }

  nextId(sequence: string): Promise<bigint> {
    return this.one<bigint>('select platform.next_id($1::regclass)', [sequence]);
  }

  nextHoldId(): Promise<bigint> {
    return this.nextId('ledger.hold_id');
  }

  async deposit(
    owner: bigint,
    amount: bigint,
    key: string = crypto.randomUUID(),
    print = `deposit ${owner} ${amount}`,
  ): Promise<{ verdict: string; transferId: bigint | null }> {
    return this.row(
      `select verdict, transfer_id as "transferId" from ledger.deposit($1, $2, 'test', 'test', 'admin', 0, $3, $4)`,
      [owner, amount, key, sha256(print)],
    );
  }

  async reverse(
    transfer: bigint,
    key: string = crypto.randomUUID(),
    print = `reverse ${transfer}`,
  ): Promise<{ verdict: string; transferId: bigint | null }> {
    return this.row(
      `select verdict, transfer_id as "transferId" from ledger.reverse_transfer($1, 'test', 'test', 'admin', 0, $2, $3)`,
      [transfer, key, sha256(print)],
    );
  }

  /** One call with all items; one verdict each. */
  async hold(items: readonly HoldItem[]): Promise<string[]> {
    return this.one<string[]>(
      `select ledger.escrow_hold($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $3::bigint[], 'match', $1::bigint[],
        $5::bigint[], $6::integer[], $7::timestamptz[], platform.clock())`,
      [
        items.map(({ id }) => id),
        items.map(({ payer }) => payer),
        items.map(() => AGENT),
        items.map(({ payee }) => payee),
        items.map(({ amount }) => amount),
        items.map(({ feeBps }) => feeBps),
        items.map(() => GIVE_UP),
      ],
    );
  }

  /** One call with all items; one verdict each. */
  async settle(items: readonly SettleItem[]): Promise<string[]> {
    return this.one<string[]>(
      'select ledger.escrow_settle($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], null, $7::bigint[], $7::bigint[])',
      [
        items.map(({ holdId }) => holdId),
        items.map(({ outcome }) => outcome),
        items.map(({ part }) => part),
        items.map(() => 'test'),
        items.map(({ notBefore }) => notBefore),
        items.map(({ notAfter }) => notAfter),
        items.map(({ payee }) => payee ?? null),
      ],
    );
  }

  async open(items: readonly OpenItem[]): Promise<Opened[]> {
    const { rows } = await this.pool.query<Opened>(
      `select verdict, invocation_id as "invocationId", price, created_at as "createdAt", deadline_at as "deadlineAt"
      from market.invocation_open($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::bigint[],
        $8::json[], $9::text[], $10::bytea[], $11, $12::bigint[]) order by item`,
      [
        items.map(({ id }) => id),
        items.map(({ holdId }) => holdId),
        items.map(({ caller }) => caller),
        items.map(({ owner }) => owner),
        items.map(({ service }) => service),
        items.map(({ version }) => version),
        items.map(({ maxPrice }) => maxPrice),
        items.map(() => '{}'),
        items.map(({ key }) => key),
        items.map(({ key, print }) => (key === null ? null : sha256(print))),
        TIMEOUT_MIN_MS,
        items.map(({ keyId }) => keyId ?? null),
      ],
    );
    return rows;
  }

  async close(items: readonly CloseItem[]): Promise<Closed[]> {
    const { rows } = await this.pool.query<Closed>(
      `select verdict, status, settled_at as "settledAt"
      from market.invocation_close($1::bigint[], $2::text[], $3::bigint[], $4::json[], $5::json[], $6::text[], $7::bytea[], $8::bigint[]) order by item`,
      [
        items.map(({ id }) => id),
        items.map(({ action }) => action),
        items.map(({ actor }) => actor),
        items.map(({ action }) => (action === 'complete' ? '{}' : null)),
        items.map(() => null),
        items.map(({ action }) => (action === 'fail' ? 'could not' : null)),
        items.map(({ print }) => (print === null ? null : sha256(print))),
        items.map(({ keyId }) => keyId ?? null),
      ],
    );
    return rows;
  }

  /** As the lane does it: what depends on a neighbour is sent alone afterwards. */
  async inLane<I, V extends { verdict: string }>(
    send: (items: readonly I[]) => Promise<V[]>,
    items: readonly I[],
  ): Promise<{ verdicts: V[]; again: number[] }> {
    const verdicts = await send(items);
    const again = verdicts.flatMap(({ verdict }, index) => (verdict === 'again' ? [index] : []));
    for (const index of again) {
      const item = items[index];
      if (item === undefined) throw new Error(`there is no item ${index}`);
      const [verdict] = await send([item]);
      if (verdict === undefined) throw new Error('one item was sent and no verdict came');
      verdicts[index] = verdict;
    }
    return { verdicts, again };
  }

  /** Ids of what is past its deadline, among these callers' invocations. */
  async due(): Promise<bigint[]> {
    const { rows } = await this.pool.query<{ id: bigint }>('select id from market.invocations_due(500) as id');
    return rows.map(({ id }) => id);
  }

  fold(account: bigint): Promise<bigint> {
    return this.one<bigint>('select ledger.fold($1)', [account]);
  }

  tally(): Promise<number> {
    return this.one<number>('select market.tally_outcomes(500)');
  }

  balance(account: bigint): Promise<{ available: bigint; held: bigint }> {
    return this.row('select available, held from ledger.balance where account_id = $1', [account]);
  }

  /** A print of every row of every table. Folding is no change: money that has arrived reads the same before and after. */
  async contents(): Promise<Record<string, string>> {
    const { rows: tables } = await this.pool.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('ledger', 'market') and c.relkind in ('r', 'p') and not c.relispartition
        and c.relname not in ('wallet', 'credit')
      order by 1`,
    );
    // A load row of zero says the same as none.
    const prints = [...tables.map(({ name }) => name), 'ledger.balance'].map(
      (
        name,
      ) => `select '${name}' as name, count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as print
        from ${name === 'market.service_load' ? '(select * from market.service_load where pending > 0)' : name} t`,
    );
    const { rows } = await this.pool.query<{ name: string; print: string }>(prints.join(' union all '));
    return Object.fromEntries(rows.map(({ name, print }) => [name, print]));
  }

  async one<T>(text: string, values: unknown[] = []): Promise<T> {
    const [value] = Object.values(await this.row<Record<string, T>>(text, values));
    return value as T;
  }

  private async row<R extends object>(text: string, values: unknown[]): Promise<R> {
    const { rows } = await this.pool.query<R>(text, values);
    const [row] = rows;
    if (row === undefined) throw new Error(`no row: ${text}`);
    return row;
  }

  private async addVersion(service: bigint): Promise<void> {
    await this.pool.query(
      `insert into market.service_version (service_id, version, title, description, category, price, avg_response_ms, created_at)
      select id, version, title, description, category, price, avg_response_ms, platform.clock() from market.service where id = $1`,
      [service],
    );
  }
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
