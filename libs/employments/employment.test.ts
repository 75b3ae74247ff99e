import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  isEnded,
  nextPhase,
  PHASES,
  phasesOf,
  processDiagram,
  stakeOf,
  statusOf,
  STEPS,
  type EmploymentAction,
  type EmploymentPhase,
  type Step,
} from './employment.js';

const ACTIONS: EmploymentAction[] = ['accept', 'reject', 'terminate', 'end'];
const ACTORS: Step['actor'][] = ['employer', 'employee', 'platform'];

describe('the process of an employment', () => {
  it.each(PHASES.filter(isEnded))('ends for good with %s', (phase) => {
    for (const action of ACTIONS)
      for (const actor of ACTORS)
        for (const isDue of [false, true]) expect(nextPhase(phase, action, actor, isDue)).toBeUndefined();
  });

  it.each([
    ['pending', 'expired'],
    ['active', 'completed'],
  ] satisfies [EmploymentPhase, EmploymentPhase][])('always ends from %s: the platform sees to it', (phase, end) => {
    expect(nextPhase(phase, 'end', 'platform', true)).toBe(end);
    expect(nextPhase(phase, 'end', 'platform', false)).toBeUndefined();
  });

  it.each([
    ['pending', 'accept', 'employee', false, 'active'],
    ['pending', 'accept', 'employee', true, undefined],
    ['pending', 'accept', 'employer', false, undefined],
    ['pending', 'reject', 'employee', false, 'rejected'],
    ['pending', 'terminate', 'employer', false, 'withdrawn'],
    ['pending', 'terminate', 'employee', false, undefined],
    ['active', 'reject', 'employee', false, undefined],
    ['active', 'terminate', 'employee', false, 'terminated'],
    ['active', 'terminate', 'employer', true, undefined],
    ['active', 'end', 'employer', true, undefined],
  ] satisfies [EmploymentPhase, EmploymentAction, Step['actor'], boolean, EmploymentPhase | undefined][])(
    'from %s, %s by the %s (due: %s) leads to %s',
    (phase, action, actor, isDue, to) => {
      expect(nextPhase(phase, action, actor, isDue)).toBe(to);
    },
  );

  it('bills whatever was active, and nothing else', () => {
    for (const { from, to, money } of STEPS) {
      expect(money).toBe(!isEnded(to) ? undefined : from === 'active' ? 'bill' : 'refund');
    }
  });

  it('shows each phase under one status of the contract', () => {
    expect(statusOf('expired')).toBe('rejected');
    expect(statusOf('withdrawn')).toBe('terminated');
    expect((['pending', 'active', 'terminated', 'completed', 'rejected'] as const).flatMap(phasesOf).sort()).toEqual(
      [...PHASES].sort(),
    );
  });

  it('is drawn in README.md as it is', () => {
    expect(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')).toContain(processDiagram());
  });
});

it('stakes ten hours, or what the employer names', () => {
  expect(stakeOf(1_050n, undefined)).toBe(10_500n);
  expect(stakeOf(1_050n, 1_050n)).toBe(1_050n);
});
