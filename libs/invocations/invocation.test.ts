import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  nextPhase,
  phaseOf,
  processDiagram,
  STEPS,
  type InvocationAction,
  type InvocationPhase,
} from './invocation.js';

const PHASES: InvocationPhase[] = [
  'queued',
  'handed_over',
  'acknowledged',
  'completed',
  'failed',
  'cancelled',
  'timeout',
];
const ACTIONS: InvocationAction[] = ['hand_over', 'acknowledge', 'complete', 'fail', 'cancel', 'expire'];

describe('the process of an invocation', () => {
  it.each(['completed', 'failed', 'cancelled', 'timeout'] satisfies InvocationPhase[])(
    'ends for good with %s',
    (phase) => {
      for (const action of ACTIONS) {
        expect(nextPhase(phase, action, false)).toBeUndefined();
        expect(nextPhase(phase, action, true)).toBeUndefined();
      }
    },
  );

  it.each(['queued', 'handed_over', 'acknowledged'] satisfies InvocationPhase[])(
    'always ends from %s: the platform refunds what is past its deadline',
    (phase) => {
      expect(nextPhase(phase, 'expire', true)).toBe('timeout');
      expect(nextPhase(phase, 'expire', false)).toBeUndefined();
    },
  );

  it.each([
    ['queued', 'cancel', 'cancelled'],
    ['handed_over', 'cancel', 'cancelled'],
    ['acknowledged', 'cancel', undefined],
    ['acknowledged', 'complete', 'completed'],
    ['queued', 'fail', 'failed'],
    ['handed_over', 'acknowledge', 'acknowledged'],
    ['acknowledged', 'hand_over', undefined],
  ] satisfies [InvocationPhase, InvocationAction, InvocationPhase | undefined][])(
    'from %s, %s leads to %s',
    (phase, action, to) => {
      expect(nextPhase(phase, action, false)).toBe(to);
    },
  );

  it('releases money in one step only, and every end has its money', () => {
    expect(STEPS.filter(({ money }) => money === 'release').map(({ to }) => to)).toEqual(['completed']);
    for (const phase of PHASES.slice(3))
      expect(STEPS.filter(({ to }) => to === phase).every(({ money }) => money !== undefined)).toBe(true);
  });

  it('is drawn in docs/architecture.md as it is', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8')).toContain(processDiagram());
  });

  it('shows a cancelled invocation as failed outside and as cancelled in its phase', () => {
    expect(phaseOf({ status: 'failed', cancelled: true, handedOverAt: null, acknowledgedAt: null })).toBe('cancelled');
  });
});
