import pg from 'pg';
import type { TestDatabase } from '../support/database.js';
import type { PostgresProxy } from '../support/postgres-proxy.js';

export const TABLES = ['market.invocation', 'ledger.hold', 'ledger.settlement', 'market.agent_event'] as const;
/** Serialization failure, deadlock, statement timeout, something of its own. */
export const STATES = ['40001', '40P01', '57014', 'P0001'] as const;
const STATEMENTS = ['invocation-open', 'invocation-close'] as const;
const ON_THE_WAY = ['lose-request', 'lose-answer', 'break-after-request'] as const;

const KILLS_MAX = 4;

export type Fault =
  | { kind: 'none' }
  /** Every so many rows that are written to the table raise this, and the whole call with them. */
  | { kind: 'raise'; table: (typeof TABLES)[number]; every: number; state: (typeof STATES)[number] }
  /** The server ends the lanes' backends in the middle of whatever they do. */
  | { kind: 'kill' }
  /** A call, or its answer after the commit, gets lost with its connection. */
  | { kind: 'lose'; statement: (typeof STATEMENTS)[number]; how: (typeof ON_THE_WAY)[number] };

export const LOSSES: Fault[] = STATEMENTS.flatMap((statement) =>
  ON_THE_WAY.map((how) => ({ kind: 'lose' as const, statement, how })),
);

/** Makes the database and the way to it fail, as the test says. */
export class Faults {
  private isOver = true;
  private killing: Promise<void> = Promise.resolve();
  /** How often a fault has struck. */
  struck = 0;

  private constructor(
    private readonly database: TestDatabase,
    private readonly proxy: PostgresProxy,
  ) {}

  /** The superuser's triggers of a test's own database. What is written with `"poison"` in it always fails. */
  static async prepare(database: TestDatabase, proxy: PostgresProxy): Promise<Faults> {
    await database.pool.query(`
      create sequence public.fault_row;
      create table public.fault (table_name text primary key, every integer not null, state text not null);
      create function public.strike() returns trigger language plpgsql security definer set search_path = '' as $$
      declare
        v_fault public.fault;
      begin
        select * into v_fault from public.fault where table_name = tg_argv[0];
        -- A sequence is not rolled back, so the same row passes when it is written again.
        if found and nextval('public.fault_row') % v_fault.every = 0 then
          raise exception 'struck' using errcode = v_fault.state;
        end if;
        return null;
      end $$;
      create function public.refuse_poison() returns trigger language plpgsql set search_path = '' as $$
      begin
        if new.input::text like '%poison%' or new.output::text like '%poison%' then raise exception 'poisoned'; end if;
        return null;
      end $$;
      create trigger poison after insert or update on market.invocation for each row execute function public.refuse_poison();
      ${TABLES.map((table) => `create trigger strike after insert on ${table} for each row execute function public.strike('${table}');`).join('\n')}`);
    return new Faults(database, proxy);
  }

  async begin(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'none':
        return;
      case 'raise':
        await this.database.pool.query('insert into public.fault values ($1, $2, $3)', [
          fault.table,
          fault.every,
          fault.state,
        ]);
        return;
      case 'kill':
        this.isOver = false;
        this.killing = this.kill();
        return;
      case 'lose':
        void this.proxy.next(fault.statement, fault.how).then(() => (this.struck += 1));
    }
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.killing;
    void this.proxy.next('no statement is called this', 'lose-answer');
    const { rows } = await this.database.pool.query<{ struck: bigint }>(
      'select last_value / every as struck from public.fault, public.fault_row where is_called',
    );
    this.struck += Number(rows[0]?.struck ?? 0n);
    await this.database.pool.query('truncate public.fault');
    await this.database.pool.query('alter sequence public.fault_row restart');
  }

  private async kill(): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.adminUrl });
    await client.connect();
    // Looks without a pause, so that it meets calls in all their moments; strikes a few times and no more, since a lane gives
    // an item up after its fifth attempt.
    for (let hits = 0; hits < KILLS_MAX && !this.isOver;) {
      const { rowCount } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'c4c-lane' and state = 'active'`,
      );
      if (rowCount !== null && rowCount > 0) hits += 1;
      this.struck += rowCount ?? 0;
    }
    await client.end();
  }
}
