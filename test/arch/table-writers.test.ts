import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { judgeWrites, writesOf } from './table-writers.js';

const ROOT = join(import.meta.dirname, '../..');

it('has every table written by one lib, in its store', () => {
  const writes = ['libs', 'apps'].flatMap((root) =>
    readdirSync(join(ROOT, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .flatMap((name) => writesOf(`${root}/${name}`, readFileSync(join(ROOT, root, name), 'utf8'))),
  );
  expect(judgeWrites(writes)).toEqual([]);
});

it('finds a table with two writers', () => {
  const text = 'await tx.query(`insert into market.agent (id) values ($1)`)';
  const writes = [...writesOf('libs/agents/agent.store.ts', text), ...writesOf('libs/owners/owner.store.ts', text)];
  expect(judgeWrites(writes)).toEqual(['market.agent is written by libs/agents and libs/owners']);
});

it('finds a write outside a store', () => {
  const writes = writesOf('libs/agents/register.usecase.ts', 'update\n  market.agent set name = $1');
  expect(judgeWrites(writes)).toEqual(['libs/agents/register.usecase.ts writes market.agent and is no store']);
});
