import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

// The committed dump is the whole schema as it is installed (test/migrations proves that), so what the database itself
// has to guard can be read from it.
const lines = readFileSync(join(import.meta.dirname, '../../prisma/schema.sql'), 'utf8').split('\n');
const grants = lines.filter((line) => line.startsWith('grant '));

/** Written by functions only: money, and the state and the events that go with it. */
const GUARDED =
  / on (table|column) (ledger\.|market\.(invocation|invocation_progress|review|agent_event|agent_stats|service_stats)(_p\d+)?\b)/;
const IMMUTABLE = [
  'ledger.account',
  'ledger.hold',
  'ledger.settlement',
  'ledger.transfer',
  'ledger.outcome',
  'market.service_version',
];

describe('the database guards itself', () => {
  it('grants nothing to everybody', () => {
    expect(grants.filter((line) => line.endsWith(' to public'))).toEqual([]);
  });

  it('lets no role write money, the state of an invocation or events, except through functions', () => {
    const writing = /^grant [a-z, ]*\b(insert|update|delete|truncate|references|trigger)\b/;
    expect(grants.filter((line) => GUARDED.test(line) && writing.test(line))).toEqual([]);
  });

  it('lets only the treasury deposit, reverse and set fees', () => {
    const treasury = grants.filter((line) => /ledger\.(deposit|reverse_transfer|set_fee_rate)\(/.test(line));
    expect(treasury.length).toBe(3);
    expect(treasury.filter((line) => !line.endsWith(' to c4c_treasury'))).toEqual([]);
  });

  it('fixes the search path of every definer function', () => {
    const definers = lines.filter((line) => line.startsWith('create function ') && line.includes(' security definer'));
    expect(definers.length).toBeGreaterThan(5);
    expect(definers.filter((line) => !line.includes(' set search_path='))).toEqual([]);
  });

  it.each(IMMUTABLE)('refuses update, delete and truncate on %s', (table) => {
    const triggers = lines.filter((line) => line.startsWith('CREATE TRIGGER') && line.includes(` ON ${table} `));
    const refusals = triggers.filter((line) => line.endsWith('EXECUTE FUNCTION platform.refuse_change()')).join('\n');
    expect(refusals).toMatch(/BEFORE DELETE OR UPDATE ON \S+ FOR EACH ROW/);
    expect(refusals).toMatch(/BEFORE TRUNCATE ON/);
  });

  it('refuses truncate on every partition of an immutable table', () => {
    const partitions = lines.flatMap((line) => /^create table (\S+) partition of (\S+)/.exec(line)?.slice(1, 3) ?? []);
    const kept = partitions.filter((_, i) => i % 2 === 0 && IMMUTABLE.includes(partitions[i + 1] ?? ''));
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.filter((name) => !lines.some((line) => line.includes(`BEFORE TRUNCATE ON ${name} `)))).toEqual([]);
  });
});
