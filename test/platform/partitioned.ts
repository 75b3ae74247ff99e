import { createLog, Database, Partitions } from '#platform';
import { Ledger } from '../ledger/ledger.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const EVENT_DAYS = 30;

export type RangeRow = {
  n: number;
  firstId: bigint;
  endId: bigint;
  month: string | null;
  used: bigint | null;
  isClosed: boolean;
};
export type PartitionRow = { name: string; state: string; month: string | null; isAttached: boolean };

/** Ranges of so many ids. The first ones have 2^24 and come with the installation, so nearly all of those is passed over here. */
export async function withSmallRanges({ pool }: Pick<TestDatabase, 'pool'>, ids: number): Promise<void> {
  await pool.query(
    `create or replace function platform.range_size(p_sequence text) returns bigint language sql as 'select ${ids}::bigint'`,
  );
  await pool.query(
    `select setval(sequence_name::regclass, 2 * 16777216 - $1) from (select distinct sequence_name from platform.partitioned_table) s`,
    [ids],
  );
  await pool.query('select platform.extend_partitions()');
}

/** Partitions in which another index of the same ids is younger than the primary key: a plan from while they were empty may take that. */
export const KEYS_NOT_LAST = `select i.indexrelid::regclass::text as index
  from pg_index k
  join pg_index i on i.indrelid = k.indrelid and i.indexrelid > k.indexrelid and k.indkey[0] = any (i.indkey::smallint[])
  join pg_inherits a on a.inhrelid = k.indrelid and a.inhparent in (select table_name::regclass from platform.partitioned_table)
  where k.indisprimary`;

/** Moves the clock to noon of the first of the next month. */
export async function toNextMonth({ pool }: Pick<TestDatabase, 'pool'>): Promise<void> {
  await pool.query(
    `update platform.clock_offset set value = date_trunc('month', platform.clock() at time zone 'UTC') at time zone 'UTC'
      + interval '1 month 12 hours' - clock_timestamp()`,
  );
}

/** A market whose ranges are small, so that months turn in a moment. Its clock stands at noon of the first of a month, and the job has run. */
export class Partitioned {
  private constructor(
    readonly database: TestDatabase,
    readonly doors: Database,
    readonly ledger: Ledger,
    private readonly people: { owner: bigint; caller: bigint; provider: bigint; service: bigint },
  ) {}

  static async start(rangeIds = 1_000): Promise<Partitioned> {
    const database = await createTestDatabase();
    await withSmallRanges(database, rangeIds);
    const { pool } = database;
    const ledger = new Ledger(pool);
    const owner = await ledger.owner(1_000_000n);
    const payee = await ledger.owner();
    const [caller, provider] = [await ledger.agent(owner), await ledger.agent(payee)];
    const service = await ledger.service(provider, payee, { maxPending: 1_000_000, maxPendingPerCaller: 1_000_000 });
    const world = new Partitioned(database, new Database(database.config().database), ledger, {
      owner,
      caller,
      provider,
      service,
    });
    await world.toNextMonth();
    await world.upkeep();
    return world;
  }

  /** One run of the job, as of any worker. */
  async upkeep(): Promise<void> {
    await new Partitions(this.doors, EVENT_DAYS, createLog('silent')).run();
  }

  /** The next month begins; the job has run before it and after. */
  async turnMonth(): Promise<void> {
    await this.upkeep();
    await this.toNextMonth();
    await this.upkeep();
  }

  /** Somebody trades, and the next month begins. */
  async passMonth(): Promise<void> {
    await this.trade();
    await this.turnMonth();
  }

  /** An invocation is opened, with drawn or given ids. */
  async open(ids?: { id: bigint; holdId: bigint }): Promise<bigint> {
    const id = ids?.id ?? (await this.ledger.nextId('market.invocation_id'));
    const holdId = ids?.holdId ?? (await this.ledger.nextHoldId());
    const { owner, caller, service } = this.people;
    const [opened] = await this.ledger.open([
      { id, holdId, caller, owner, service, version: 1, maxPrice: null, key: null, print: '' },
    ]);
    if (opened?.verdict !== 'opened') throw new Error(`not opened: ${opened?.verdict ?? ''}`);
    return id;
  }

  async close(id: bigint): Promise<void> {
    const [closed] = await this.ledger.close([
      { id, action: 'complete', actor: this.people.provider, print: String(id) },
    ]);
    if (closed?.verdict !== 'closed') throw new Error(`not closed: ${closed?.verdict ?? ''}`);
  }

  async trade(): Promise<bigint> {
    const id = await this.open();
    await this.close(id);
    return id;
  }

  async toNextMonth(): Promise<void> {
    await toNextMonth(this.database);
  }

  async month(): Promise<string> {
    return this.ledger.one<string>('select platform.this_month()::text');
  }

  async ranges(sequence: string): Promise<RangeRow[]> {
    const { rows } = await this.database.pool.query<RangeRow>(
      `select n, first_id as "firstId", end_id as "endId", month::text, used, closed_at is not null as "isClosed"
      from platform.id_range where sequence_name = $1 order by n`,
      [sequence],
    );
    return rows;
  }

  async partitions(table: string): Promise<PartitionRow[]> {
    const { rows } = await this.database.pool.query<PartitionRow>(
      `select p.name, p.state, r.month::text, i.inhrelid is not null as "isAttached"
      from platform.partition p
      join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n
      left join pg_inherits i on i.inhrelid = to_regclass(p.name)
      where p.table_name = $1 order by p.n`,
      [table],
    );
    return rows;
  }

  /** In which month's partition a row stands. */
  async monthOf(table: string, column: string, id: bigint): Promise<string | null> {
    return this.ledger.one<string | null>(
      `select (select r.month::text from platform.partition p join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n
        where p.name = t.tableoid::regclass::text)
      from ${table} t where ${column} = $1`,
      [id],
    );
  }

  async end(): Promise<void> {
    await this.doors.close();
    await this.database.drop();
  }
}
