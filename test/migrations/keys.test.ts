import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate, migrationChecksums } from '../../libs/platform/migrate.js';
import { Ledger, sha256, type OpenItem } from '../ledger/ledger.js';
import { databaseUrl } from '../support/cluster.js';
import { testPool } from '../support/pool.js';

const { adminUrl: serverUrl } = inject('testCluster');
const DATABASE = `keys_${String(process.pid)}`;
const SMALLER_KEYS = '0010_smaller_rows';
const adminUrl = databaseUrl(serverUrl, DATABASE);
const server = testPool({ connectionString: serverUrl, max: 1 });
const pool = testPool({ connectionString: adminUrl, max: 2 });
// The database is dropped under the connections that are still closing.
pool.on('error', () => undefined);
const ledger = new Ledger(pool);

/** As long as a key may be, and as far from ASCII. */
const LONG = 'ключ 🐚'.repeat(36);

beforeAll(async () => {
  await server.query(`create database ${DATABASE}`);
  const before = [...(await migrationChecksums()).keys()].filter((name) => name < SMALLER_KEYS);
  await migrate({ adminUrl, upTo: before });
  await pool.query(MARKET);
  await pool.query(KEYS, [LONG, sha256('first')]);
  await pool.query(OLD_FUNCTION);
});
afterAll(async () => {
  await pool.end();
  await server.query(`drop database ${DATABASE} with (force)`);
  await server.end();
});

describe('a database whose keys were kept as texts', () => {
  it('refuses as worth repeating what comes between the migration and the functions', async () => {
    const upTo = [...(await migrationChecksums()).keys()].filter((name) => name <= SMALLER_KEYS);
    await migrate({ adminUrl, upTo });
    await expect(pool.query(`select ledger.keep_key('agent', 1, 'k')`)).rejects.toMatchObject({ code: '40001' });
    await migrate({ adminUrl });
  });

  it.each([['k'], [LONG]])('gives the first answer for %j, and another request none', async (key) => {
    const [alone] = await ledger.open([order(key, 'first')]);
    expect(shown(alone)).toEqual(['replay', key === 'k' ? '1' : '2']);
    const many = await ledger.open([order(key, 'first'), order(key, 'another'), order(`${key}!`, 'first')]);
    expect(many.map((one) => one.verdict)).toEqual(['replay', 'key_reused', 'opened']);
    expect(shown(many[0])).toEqual(shown(alone));
  });

  it('keeps the keys of an administrator apart from those of an agent', async () => {
    expect((await ledger.deposit(1n, 100n, 'k', 'first')).verdict).toBe('replay');
    expect((await ledger.deposit(1n, 100n, 'k', 'another')).verdict).toBe('key_reused');
    const { rows } = await pool.query(
      `select principal_kind, principal_id, operation, result_id, created_at from ledger.idempotency
      where created_at < now() - interval '1 hour' order by 1, result_id`,
    );
    const at = new Date('2026-01-02T03:04:05.678Z');
    expect(rows.map((row: object) => Object.values(row))).toEqual([
      ['admin', '0', 'deposit', '9', at],
      ['agent', '1', 'invoke', '1', at],
      ['agent', '1', 'invoke', '2', at],
      ['owner', '1', 'deposit', '8', at],
    ]);
  });
});

let drawn = 100n;
function order(key: string, print: string): OpenItem {
  drawn += 1n;
  return { id: drawn, holdId: drawn, caller: 1n, owner: 1n, service: 1n, version: 1, maxPrice: null, key, print };
}

function shown(opened: { verdict: string; invocationId: bigint } | undefined): (string | undefined)[] {
  return [opened?.verdict, String(opened?.invocationId)];
}

// Two agents of one owner, so that nothing is paid.
const MARKET = `
  insert into market.owner (id, name) values (1, 'owner');
  insert into ledger.account (id, owner_id, kind) values (1, 1, 'wallet');
  insert into ledger.wallet (account_id) values (1);
  insert into market.agent (id, owner_id, name) values (1, 1, 'caller'), (2, 1, 'provider');
  insert into market.agent_stream (agent_id) values (1), (2);
  insert into market.service (id, owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending,
    max_pending_per_caller, is_active, version)
  values (1, 1, 2, 'service', '', 'writing', 10, 1000, 100, 100, true, 1);
  insert into market.service_load (service_id, caller_agent_id, pending) values (1, 0, 0);
  insert into market.invocation (id, service_id, version, caller_agent_id, caller_owner_id, provider_agent_id, provider_owner_id,
    price, status, created_at, deadline_at, settled_at)
  select n, 1, 1, 1, 1, 2, 1, 0, 'completed', now(), now(), now() from generate_series(1, 2) n`;

const KEYS = `
  insert into ledger.idempotency (principal_kind, principal_id, key, operation, fingerprint, result_id, created_at)
  select kind, id, key, operation, case kind when 'owner' then sha256('other') else $2 end, result, '2026-01-02T03:04:05.678Z'
  from (values ('agent', 1, 'k', 'invoke', 1), ('agent', 1, $1, 'invoke', 2), ('owner', 1, 'k', 'deposit', 8), ('admin', 0, 'k', 'deposit', 9))
    as k (kind, id, key, operation, result)`;

// Looks at keys as the functions of the version before did.
const OLD_FUNCTION = `
  create function ledger.keep_key(p_kind text, p_id bigint, p_key text) returns boolean
  language plpgsql security definer set search_path = '' as $$
  begin
    return exists (select from ledger.idempotency where key = p_key);
  end
  $$`;
