import { expect, it } from 'vitest';
import { ProbeBudget, type Probe, type Refusal } from './probe-budget.js';

const probe = (agentId: number, ownerId: number, unverifiedHost?: string): Probe => ({
  agentId: BigInt(agentId),
  ownerId: BigInt(ownerId),
  unverifiedHost,
});
const refusal = (message: string, waitMs: number): Refusal => ({ message: expect.stringMatching(message), waitMs });

it('gives every agent 20 a minute, and says when there is one again', () => {
  const budget = new ProbeBudget();
  for (let i = 0; i < 20; i += 1) expect(budget.take(probe(1, 1), 1_000 + i)).toBeUndefined();
  expect(budget.take(probe(1, 1), 2_000)).toEqual(refusal('^An agent', 59_000));
  expect(budget.take(probe(2, 1), 2_000)).toBeUndefined();
  expect(budget.take(probe(1, 1), 60_999)).toEqual(refusal('^An agent', 1));
  expect(budget.take(probe(1, 1), 61_000)).toBeUndefined();
});

it('gives an owner 60 a minute, however many agents it has', () => {
  const budget = new ProbeBudget();
  for (let i = 0; i < 60; i += 1) expect(budget.take(probe(i % 25, 1), 1_000)).toBeUndefined();
  expect(budget.take(probe(25, 1), 2_000)).toEqual(refusal('^An owner', 59_000));
  expect(budget.take(probe(26, 2), 2_000)).toBeUndefined();
});

it('gives a host that is not verified 20 a minute, whoever names it', () => {
  const budget = new ProbeBudget();
  for (let i = 0; i < 20; i += 1) expect(budget.take(probe(i, i, 'example.com'), 1_000)).toBeUndefined();
  expect(budget.take(probe(20, 20, 'example.com'), 2_000)).toEqual(refusal('^A host', 59_000));
  expect(budget.take(probe(20, 20, 'example.org'), 2_000)).toBeUndefined();
  // Those that it has shown to want are not held up by those that it has not.
  expect(budget.take(probe(21, 21), 2_000)).toBeUndefined();
});

it('takes nothing of one limit for what another one refuses', () => {
  const budget = new ProbeBudget();
  for (let i = 0; i < 20; i += 1) budget.take(probe(i, i, 'example.com'), 1_000);
  for (let i = 0; i < 100; i += 1) budget.take(probe(30, 30, 'example.com'), 1_000);
  for (let i = 0; i < 20; i += 1) expect(budget.take(probe(30, 30), 1_000)).toBeUndefined();
  expect(budget.take(probe(30, 30), 1_000)).toEqual(refusal('^An agent', 60_000));
});
