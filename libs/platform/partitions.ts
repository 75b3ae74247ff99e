import type { Client } from 'pg';
import type { Database } from './database.js';
import type { Log } from './log.js';
import { RepeatedJob } from './repeated-job.js';
import { sqlState } from './sql-state.js';

const EVERY_MS = 60_000;
/** So many ids are passed over in one statement: some 50 ms, so that nobody who draws one waits long. */
const CHUNK = 100_000;
// What is left after that waits for the next run, so that a process can stop soon.
const TURN_MAX_MS = 10_000;
// A hold is settled at most two days after it was made; after a month nothing is written to its partition any more.
const ARCHIVE_AFTER_DAYS = 31;
const ANALYSE_AFTER_DAYS = 1;
// `analyze only` leaves the partitions to autovacuum, which knows when they have changed.
const ANALYZE_ONLY_SINCE = 180_000;
/** Somebody else has the lock, or has done it meanwhile: lock timeout, not a partition any more, already being detached, gone. */
const LATER = ['55P03', '42P01', '42809', '55000', '40P01'];

type Retiring = { name: string; parent: string; isAttached: boolean; isPending: boolean };

/**
 * Keeps the large tables in partitions by month (prisma/functions/05_partitions.sql): makes them ahead of time, turns the month, drops
 * what is retained for a time only, freezes and marks the ledger's old ones, and keeps the statistics of the tables as wholes.
 * Writers never wait for it. Any number of processes may run it at once, and whatever a run leaves undone the next one does.
 */
export class Partitions {
  constructor(
    private readonly database: Database,
    private readonly eventDays: number,
    private readonly log: Log,
  ) {}

  job(): RepeatedJob {
    return new RepeatedJob('partitions', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    // Another process may be at it, and take its time.
    await this.unlessBusy('every table', async () => {
      await this.database.query('select platform.extend_partitions()');
      await this.turn();
      await this.database.query('select platform.extend_partitions()');
    });
    await this.database.asOwner(async (owner) => {
      await this.retire(owner);
      await this.archive(owner);
      await this.analyse(owner);
    });
  }

  /** Moves the sequences into the new month's ranges, when it has come. */
  private async turn(): Promise<void> {
    for (const until = Date.now() + TURN_MAX_MS; Date.now() < until;) {
      const [row] = await this.database.query<{ left: bigint }>('select platform.turn_partitions($1) as left', [CHUNK]);
      if ((row?.left ?? 0n) === 0n) return;
    }
  }

  private async retire(owner: Client): Promise<void> {
    await owner.query('select platform.retire_partitions($1)', [this.eventDays]);
    const { rows } = await owner.query<Retiring>(
      `select p.name, p.table_name as parent, i.inhrelid is not null as "isAttached", coalesce(i.inhdetachpending, false) as "isPending"
      from platform.partition p
      join platform.partitioned_table t on t.table_name = p.table_name and t.kind = 'retained'
      left join pg_catalog.pg_inherits i on i.inhrelid = to_regclass(p.name)
      where p.state = 'retiring'
      order by coalesce(i.inhdetachpending, false) desc, p.name`,
    );
    for (const partition of rows) await this.unlessBusy(partition.name, () => this.drop(owner, partition));
  }

  /** Detaching waits for those who still read the partition and keeps nobody from writing; it cannot stand in a transaction. */
  private async drop(owner: Client, { name, parent, isAttached, isPending }: Retiring): Promise<void> {
    if (isAttached)
      await owner.query(`alter table ${parent} detach partition ${name} ${isPending ? 'finalize' : 'concurrently'}`);
    const { rows } = await owner.query<{ dropped: boolean }>('select platform.drop_partition($1) as dropped', [name]);
    if (rows[0]?.dropped === true) this.log.info({ partition: name }, 'dropped a partition of old rows');
  }

  /** Nothing changes there any more: frozen, it needs no vacuum ever again. It stays attached; docs/adr/0011 says why. */
  private async archive(owner: Client): Promise<void> {
    const { rows } = await owner.query<{ name: string }>(
      `select p.name
      from platform.partition p
      join platform.partitioned_table t on t.table_name = p.table_name
      join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n
      where t.kind = 'ledger' and p.state = 'attached' and r.closed_at <= platform.clock() - $1 * interval '1 day'
      order by p.name`,
      [ARCHIVE_AFTER_DAYS],
    );
    for (const { name } of rows) {
      await this.unlessBusy(name, async () => {
        await owner.query(`vacuum (freeze, analyze, truncate false) ${name}`);
        const { rowCount } = await owner.query(
          `update platform.partition set state = 'archived', changed_at = platform.clock() where name = $1 and state = 'attached'`,
          [name],
        );
        if (rowCount === 1) this.log.info({ partition: name }, 'archived a partition of the ledger');
      });
    }
  }

  /** PostgreSQL analyses partitions by itself and never the table that they make up. */
  private async analyse(owner: Client): Promise<void> {
    const { rows } = await owner.query<{ name: string }>(
      `update platform.partitioned_table set analysed_at = platform.clock()
      where analysed_at is null or analysed_at <= platform.clock() - $1 * interval '1 day'
      returning table_name as name`,
      [ANALYSE_AFTER_DAYS],
    );
    if (rows.length === 0) return;
    const version = await owner.query<{ number: number }>(
      `select current_setting('server_version_num')::integer as number`,
    );
    const only = (version.rows[0]?.number ?? 0) >= ANALYZE_ONLY_SINCE ? 'only ' : '';
    for (const { name } of rows) await this.unlessBusy(name, () => owner.query(`analyze ${only}${name}`));
  }

  private async unlessBusy(name: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!LATER.includes(sqlState(error) ?? '')) throw error;
      this.log.debug({ err: error, table: name }, 'somebody else has the table; the next run comes back to it');
    }
  }
}
