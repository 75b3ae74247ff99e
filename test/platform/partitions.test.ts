import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectedClient } from './client.js';
import { brokenInvariants } from '../../apps/standalone/invariants.js';
import { expectInvariants } from '../support/database.js';
import { DAY_MS, KEYS_NOT_LAST, Partitioned } from './partitioned.js';

const EVENTS = 'market.agent_event';
const INVOCATION_IDS = 'market.invocation_id';

let market: Partitioned;
beforeEach(async () => {
  market = await Partitioned.start();
});
afterEach(async () => {
  await market.end();
});

describe('ahead of time', () => {
  it('has two ranges ready for every table, and makes none when none is needed', async () => {
    const { pool } = market.database;
    const { rows } = await pool.query<{ name: string; ahead: bigint }>(
      `select t.table_name as name, count(*) filter (where r.first_id > coalesce(platform.last_id(t.sequence_name), 0)) as ahead
      from platform.partitioned_table t
      join platform.partition p on p.table_name = t.table_name
      join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n
      group by 1 order by 1`,
    );
    expect(rows.length).toBe(9);
    expect(rows.every(({ ahead }) => ahead === 2n)).toBe(true);
    expect(await market.ledger.one<number>('select platform.extend_partitions()')).toBe(0);
  });

  it('makes each with the indexes of its table, the primary key last', async () => {
    const { pool } = market.database;
    expect((await pool.query(KEYS_NOT_LAST)).rows).toEqual([]);
    const { rows } = await pool.query<{ table: string; missing: bigint }>(
      `select p.table_name as table, (select count(*) from pg_index where indrelid = p.table_name::regclass)
        - (select count(*) from pg_inherits a join pg_index i on i.indexrelid = a.inhrelid
          where i.indrelid = to_regclass(p.name) and i.indisvalid) as missing
      from platform.partition p`,
    );
    expect(rows.filter(({ missing }) => missing !== 0n)).toEqual([]);
    // And no index twice.
    const twice = await pool.query(
      `select indrelid::regclass::text, count(*) from pg_index i
      where indrelid in (select to_regclass(name) from platform.partition)
        and not exists (select from pg_inherits a where a.inhrelid = i.indexrelid)
      group by 1`,
    );
    expect(twice.rows).toEqual([]);
  });

  it('makes another range of the same month when one runs full', async () => {
    await market.trade();
    await market.upkeep();
    await market.database.pool.query(`select nextval($1) from generate_series(1, 2500)`, [INVOCATION_IDS]);
    await market.upkeep();
    await market.trade();
    const month = await market.month();
    const ranges = (await market.ranges(INVOCATION_IDS)).filter((range) => range.month === month);
    expect(ranges.length).toBe(4);
    expect(ranges.slice(0, -1).every(({ isClosed }) => isClosed)).toBe(true);
    expect((await market.ranges(INVOCATION_IDS)).filter((range) => range.month === null).length).toBe(2);
  });

  it('makes one range up to where somebody moved the sequence', async () => {
    await market.database.pool.query(`select setval($1, 900000000)`, [INVOCATION_IDS]);
    await market.database.pool.query('select platform.extend_partitions()');
    await market.trade();
    const ranges = await market.ranges(INVOCATION_IDS);
    expect(ranges.filter(({ endId }) => endId > 900_000_000n).length).toBe(3);
    expect(ranges.length).toBeLessThan(9);
    await expectInvariants(market.database);
  });

  it('needs one row for a table that comes later', async () => {
    const { pool } = market.database;
    await pool.query(`create sequence market.attempt_id;
      create table market.attempt (id bigint not null, at timestamptz not null, constraint attempt_pkey primary key (id)) partition by range (id);
      insert into platform.partitioned_table (table_name, sequence_name, kind, time_column) values ('market.attempt', 'market.attempt_id', 'retained', 'at')`);
    await market.upkeep();
    await pool.query(`insert into market.attempt values (platform.next_id('market.attempt_id'), platform.clock())`);
    await market.turnMonth();
    await market.database.advanceClock(31 * DAY_MS);
    await market.upkeep();
    expect((await market.partitions('market.attempt')).map(({ state }) => state)).toEqual([
      'dropped',
      'attached',
      'attached',
    ]);
  });
});

describe('when the month turns', () => {
  it('begins the next range, for two and a half years of months', async () => {
    const traded: { id: bigint; month: string }[] = [];
    for (let month = 0; month < 30; month += 1) {
      await market.upkeep();
      for (let n = 0; n < 2; n += 1) traded.push({ id: await market.trade(), month: await market.month() });
      await market.upkeep();
      await market.toNextMonth();
    }
    for (const { id, month } of traded) expect(await market.monthOf('market.invocation', 'id', id)).toBe(month);
    expect(traded.map(({ id }) => id)).toEqual(traded.map(({ id }) => id).sort((a, b) => (a < b ? -1 : 1)));
    const ranges = await market.ranges(INVOCATION_IDS);
    ranges.slice(1).forEach(({ firstId }, place) => expect(firstId).toBe(ranges[place]?.endId));
    expect(new Set(ranges.flatMap(({ month }) => month ?? [])).size).toBeGreaterThanOrEqual(30);
    // Events of more than a month ago have gone, and the streams count on.
    const events = await market.partitions(EVENTS);
    expect(events.filter(({ state }) => state === 'dropped').length).toBeGreaterThanOrEqual(27);
    expect(events.filter(({ isAttached }) => isAttached).length).toBeLessThanOrEqual(6);
    expect(await market.ledger.one('select max(next_seq) from market.agent_stream')).toBe(61n);
    // The ledger has all of it.
    expect((await market.partitions('ledger.hold')).every(({ isAttached }) => isAttached)).toBe(true);
    expect((await market.partitions('ledger.hold')).filter(({ state }) => state === 'archived').length).toBeGreaterThan(
      25,
    );
    await expectInvariants(market.database);
  }, 300_000);

  it('passes over nothing while nobody trades', async () => {
    await market.passMonth();
    const before = await market.ledger.one('select platform.last_id($1)', [INVOCATION_IDS]);
    for (let month = 0; month < 5; month += 1) {
      await market.toNextMonth();
      await market.upkeep();
    }
    expect(await market.ledger.one('select platform.last_id($1)', [INVOCATION_IDS])).toBe(before);
    await market.trade();
    await market.upkeep();
    const open = (await market.ranges(INVOCATION_IDS)).find(({ month, isClosed }) => month !== null && !isClosed);
    expect(open?.month).toBe(await market.month());
  });

  it('finds the old partition for ids that were drawn before', async () => {
    const id = await market.ledger.nextId(INVOCATION_IDS);
    const holdId = await market.ledger.nextHoldId();
    const month = await market.month();
    await market.turnMonth();
    await market.open({ id, holdId });
    await market.close(id);
    expect(await market.monthOf('market.invocation', 'id', id)).toBe(month);
    expect(await market.monthOf('ledger.hold', 'id', holdId)).toBe(month);
    expect(await market.monthOf('ledger.settlement', 'hold_id', holdId)).toBe(month);
    const next = await market.trade();
    await market.upkeep();
    expect(await market.monthOf('market.invocation', 'id', next)).toBe(await market.month());
    // Its payload is found by its end, long after those of higher ids have gone.
    for (const days of [80, 11]) {
      await market.database.advanceClock(days * DAY_MS);
      await market.database.pool.query('select market.invocations_erase(90, 500)');
    }
    expect(await market.ledger.one('select input from market.invocation where id = $1', [id])).toBeNull();
    await expectInvariants(market.database);
  });

  it('gives no id twice to those who draw while the ids are passed over, by several at once', async () => {
    await market.trade();
    await market.upkeep();
    await market.toNextMonth();
    let isCut = false;
    const cutter = async (): Promise<void> => {
      const client = await connectedClient(market.database.adminUrl);
      while (
        (await client.query<{ left: string }>('select platform.turn_partitions(20) as left')).rows[0]?.left !== '0'
      );
      await client.end();
    };
    const drawer = async (): Promise<string[]> => {
      const client = await connectedClient(market.database.appUrl);
      const ids: string[] = [];
      for (let more = 0; !isCut || more < 10; more += isCut ? 1 : 0) {
        const { rows } = await client.query<{ id: string }>(`select platform.next_id($1::regclass) as id`, [
          INVOCATION_IDS,
        ]);
        ids.push(rows[0]?.id ?? '');
      }
      await client.end();
      return ids;
    };
    const drawing = Promise.all(Array.from({ length: 3 }, drawer));
    await Promise.all(Array.from({ length: 3 }, cutter));
    isCut = true;
    const lists = await drawing;
    const ids = lists.flat();
    expect(ids.length).toBeGreaterThan(60);
    expect(new Set(ids).size).toBe(ids.length);
    for (const list of lists) expect(list.map(BigInt)).toEqual(list.map(BigInt).sort((a, b) => (a < b ? -1 : 1)));
    await market.upkeep();
    const next = await market.trade();
    await market.upkeep();
    expect(await market.monthOf('market.invocation', 'id', next)).toBe(await market.month());
  });

  it('is done once by many who do it at the same time', async () => {
    await market.trade();
    await market.upkeep();
    await market.toNextMonth();
    await Promise.all(Array.from({ length: 4 }, () => market.upkeep()));
    await market.upkeep();
    await market.trade();
    const ranges = await market.ranges(INVOCATION_IDS);
    expect(ranges.filter(({ month, isClosed }) => month === null && !isClosed).length).toBeLessThanOrEqual(3);
    const names = (await market.partitions('market.invocation')).map(({ name }) => name);
    expect(new Set(names).size).toBe(ranges.length);
    await expectInvariants(market.database);
  });
});

describe('old events', () => {
  it('go when the newest of their partition is 30 days old, and not before', async () => {
    await market.passMonth();
    await market.trade();
    const [closedAt] = (
      await market.database.pool.query<{ ms: string }>(
        `select (extract(epoch from max(closed_at) + interval '30 days' - platform.clock()) * 1000)::bigint::text as ms
        from platform.id_range where sequence_name = 'market.agent_event_id'`,
      )
    ).rows;
    await market.database.advanceClock(Number(closedAt?.ms) - 60_000);
    await market.upkeep();
    const before = await market.partitions(EVENTS);
    const events = await market.ledger.one<bigint>(`select count(*) from ${EVENTS}`);
    await market.database.advanceClock(120_000);
    await market.upkeep();
    const after = await market.partitions(EVENTS);
    expect(before.filter(({ state }) => state === 'dropped').length).toBe(
      after.filter(({ state }) => state === 'dropped').length - 1,
    );
    expect(await market.ledger.one<bigint>(`select count(*) from ${EVENTS}`)).toBe(events - 2n);
    await expectInvariants(market.database);
  });

  it('that have gone by age are missed by no invariant, and any other is', async () => {
    await market.passMonth();
    await market.database.advanceClock(31 * DAY_MS);
    await market.upkeep();
    await market.trade();
    await market.trade();
    await expectInvariants(market.database);
    const { pool } = market.database;
    for (const type of ['invocation.invoked', 'invocation.completed']) {
      const { rows } = await pool.query(
        `delete from ${EVENTS} where seq = (select min(seq) from ${EVENTS} where type = $1) and type = $1 returning *`,
        [type],
      );
      expect(rows.length).toBe(1);
      const broken = Object.keys(await brokenInvariants(pool));
      expect(broken).toEqual([
        type === 'invocation.invoked'
          ? 'every invocation was announced to its provider once'
          : 'every settlement has one outcome, and the caller has one event of it',
      ]);
      await pool.query(`insert into ${EVENTS} select * from json_populate_record(null::${EVENTS}, $1)`, [
        JSON.stringify(rows[0], (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
      ]);
    }
  });

  it('stay when a row of their partition was written late', async () => {
    await market.trade();
    const late = await market.ledger.nextId('market.agent_event_id');
    await market.turnMonth();
    await market.database.advanceClock(20 * DAY_MS);
    await market.database.pool.query(
      `insert into ${EVENTS} (id, agent_id, seq, type, invocation_id, created_at) values ($1, 1000000, 1, 'late', 1, platform.clock())`,
      [late],
    );
    await market.database.advanceClock(12 * DAY_MS);
    await market.upkeep();
    expect(await market.ledger.one(`select count(*) from ${EVENTS} where id = $1`, [late])).toBe(1n);
    await market.database.advanceClock(19 * DAY_MS);
    await market.upkeep();
    expect(await market.ledger.one(`select count(*) from ${EVENTS} where id = $1`, [late])).toBe(0n);
  });

  it.each(['marked', 'half detached', 'detached'])(
    'go all the same when a run died and left them %s',
    async (where) => {
      await market.passMonth();
      await market.trade();
      await market.database.advanceClock(31 * DAY_MS);
      const owner = await connectedClient(market.database.adminUrl);
      const { rows } = await owner.query<{ name: string }>(
        'select name from platform.retire_partitions(30) as r (name) where starts_with(name, $1)',
        [EVENTS],
      );
      const name = rows.at(-1)?.name ?? '';
      if (where === 'half detached') {
        // A reader who does not go away keeps the second half from being done.
        const reader = await connectedClient(market.database.adminUrl);
        await reader.query(`begin; select count(*) from ${EVENTS}`);
        await owner.query(`set lock_timeout = '200ms'`);
        await expect(owner.query(`alter table ${EVENTS} detach partition ${name} concurrently`)).rejects.toMatchObject({
          code: '55P03',
        });
        expect(
          await market.ledger.one('select inhdetachpending from pg_inherits where inhrelid = $1::regclass', [name]),
        ).toBe(true);
        await reader.query('commit');
        await reader.end();
      } else if (where === 'detached') await owner.query(`alter table ${EVENTS} detach partition ${name} concurrently`);
      await owner.end();
      await market.upkeep();
      expect(await market.ledger.one('select to_regclass($1)', [name])).toBeNull();
      expect((await market.partitions(EVENTS)).find((partition) => partition.name === name)?.state).toBe('dropped');
      await market.trade();
      await expectInvariants(market.database);
    },
  );

  it('wait for a reader, who keeps them to the end of its transaction', async () => {
    await market.passMonth();
    const reader = await connectedClient(market.database.adminUrl);
    await reader.query('begin isolation level repeatable read');
    const { rows: before } = await reader.query(`select id from ${EVENTS} order by id`);
    await market.database.advanceClock(31 * DAY_MS);
    await market.upkeep();
    const { rows: after } = await reader.query(`select id from ${EVENTS} order by id`);
    expect(after).toEqual(before);
    await market.trade();
    await reader.query('commit');
    await reader.end();
    await market.upkeep();
    expect((await market.partitions(EVENTS)).filter(({ state }) => state === 'retiring')).toEqual([]);
  });
});

describe('the ledger', () => {
  it('is frozen and marked when its month has long been over, and stays attached', async () => {
    await market.passMonth();
    await market.database.advanceClock(30 * DAY_MS);
    await market.upkeep();
    const holds = async (): Promise<string[]> => (await market.partitions('ledger.hold')).map(({ state }) => state);
    const early = (await holds()).filter((state) => state === 'archived').length;
    await market.database.advanceClock(2 * DAY_MS);
    await market.upkeep();
    expect((await holds()).filter((state) => state === 'archived').length).toBeGreaterThan(early);
    expect((await market.partitions('ledger.hold')).every(({ isAttached }) => isAttached)).toBe(true);
    await expectInvariants(market.database);
  });

  it.each(['ledger.hold', 'ledger.settlement', 'ledger.outcome'])('never loses a partition of %s', async (table) => {
    const { pool } = market.database;
    const [first] = await market.partitions(table);
    const name = first?.name ?? '';
    await expect(pool.query('select platform.drop_partition($1)', [name])).rejects.toMatchObject({ code: '23001' });
    // The catalogue cannot say otherwise.
    await expect(
      pool.query(`update platform.partition set state = 'retiring' where name = $1`, [name]),
    ).rejects.toMatchObject({ constraint: 'partition_of_the_ledger_is_kept' });
    await expect(
      pool.query(
        `update platform.partitioned_table set kind = 'retained', time_column = 'created_at' where table_name = $1`,
        [table],
      ),
    ).rejects.toMatchObject({ constraint: 'partitioned_table_of_the_ledger_is_kept' });
    await market.upkeep();
    expect(await market.ledger.one('select to_regclass($1)::text', [name])).toBe(name);
    expect((await market.partitions(table)).every(({ isAttached }) => isAttached)).toBe(true);
  });

  it.each(['ledger.hold', 'ledger.settlement', 'ledger.outcome'])(
    'moves an archived partition of %s elsewhere while people trade, and nothing is different',
    async (table) => {
      await market.passMonth();
      await market.database.advanceClock(32 * DAY_MS);
      await market.upkeep();
      const { pool } = market.database;
      const archived = (await market.partitions(table)).filter(({ state }) => state === 'archived');
      const name = archived.at(-1)?.name ?? '';
      const shape = async (): Promise<unknown> => [
        (await pool.query(`select pg_get_expr(relpartbound, oid) from pg_class where oid = $1::regclass`, [name])).rows,
        (await pool.query(`select tgname from pg_trigger where tgrelid = $1::regclass order by 1`, [name])).rows,
        (await pool.query(`select count(*) from pg_index where indrelid = $1::regclass`, [name])).rows,
        (
          await pool.query(
            `select conname, contype from pg_constraint where conrelid = $1::regclass and contype = 'c' order by 1`,
            [name],
          )
        ).rows,
        (await pool.query(`select md5(string_agg(t::text, ',' order by t::text)) from ${table} t`)).rows,
      ];
      const before = await shape();
      await pool.query(`select platform.copy_partition($1, 'pg_default')`, [name]);
      expect(await shape()).toEqual(before);
      await expect(
        pool.query(`delete from ${name}_copy; select platform.exchange_partition('${name}')`),
      ).rejects.toThrow(/rows? differ/);
      // Somebody is in the middle of a trade: it gives up, and nobody has waited for more than that.
      const trader = await connectedClient(market.database.adminUrl);
      await trader.query(`begin; select count(*) from ${table}`);
      await expect(pool.query('select platform.exchange_partition($1)', [name])).rejects.toMatchObject({
        code: '55P03',
      });
      await trader.query('commit');
      await trader.end();
      await pool.query('select platform.exchange_partition($1)', [name]);
      expect(await shape()).toEqual(before);
      await expect(pool.query(`delete from ${name}`)).rejects.toMatchObject({ code: '23001' });
      await expect(pool.query(`truncate ${name}`)).rejects.toMatchObject({ code: '23001' });
      await market.trade();
      await market.upkeep();
      await expectInvariants(market.database);
    },
  );

  it.each(['ledger.hold_p00001', 'market.agent_event_p00000', 'ledger.wallet'])(
    'moves only what is archived, so not %s',
    async (name) => {
      await expect(
        market.database.pool.query(`select platform.copy_partition($1, 'pg_default')`, [name]),
      ).rejects.toMatchObject({ code: '55000' });
    },
  );

  it('is as safe as what is kept: marking a partition of invocations does nothing', async () => {
    const { pool } = market.database;
    await pool.query(`update platform.partition set state = 'retiring' where name = 'market.invocation_p00000'`);
    await market.upkeep();
    expect((await market.partitions('market.invocation')).every(({ isAttached }) => isAttached)).toBe(true);
  });

  it.each(['market.invocation', 'ledger.wallet', 'market.owner', 'pg_class'])('refuses to drop %s', async (table) => {
    await expect(market.database.pool.query('select platform.drop_partition($1)', [table])).rejects.toMatchObject({
      code: '23001',
    });
  });
});

it('keeps the statistics of the tables as wholes', async () => {
  for (let n = 0; n < 5; n += 1) await market.trade();
  await market.database.advanceClock(2 * DAY_MS);
  await market.upkeep();
  const { rows } = await market.database.pool.query<{ table: string }>(
    `select distinct schemaname || '.' || tablename as table from pg_stats where inherited order by 1`,
  );
  expect(rows.map(({ table }) => table)).toEqual(
    expect.arrayContaining([
      'ledger.hold',
      'ledger.outcome',
      'ledger.settlement',
      'market.agent_event',
      'market.invocation',
    ]),
  );
});
