import { assertNever } from '#kernel';

/** The contract's states, of which a pending invocation reaches exactly one other. */
export type InvocationStatus = 'pending' | 'completed' | 'failed' | 'timeout';

/** The finer state: where a pending invocation is, or how it ended. */
export type InvocationPhase =
  'queued' | 'handed_over' | 'acknowledged' | 'completed' | 'failed' | 'cancelled' | 'timeout';

export type Role = 'caller' | 'provider';

export type InvocationAction = 'hand_over' | 'acknowledge' | 'complete' | 'fail' | 'cancel' | 'expire';

/** One step of the process: who may take it from where, on which side of the deadline, and what it does with the hold. */
export type Step = {
  readonly action: InvocationAction;
  readonly actor: Role | 'platform';
  readonly from: readonly InvocationPhase[];
  readonly to: InvocationPhase;
  readonly when: 'before the deadline' | 'after the deadline' | 'any time';
  readonly money: 'release' | 'refund' | undefined;
};

const PENDING = ['queued', 'handed_over', 'acknowledged'] as const;

/**
 * The whole process of an invocation. The diagram in docs/architecture.md is made from it, and a test walks every action
 * through every phase of a real database and compares (test/flows/process.test.ts).
 */
export const STEPS: readonly Step[] = [
  { action: 'hand_over', actor: 'platform', from: ['queued'], to: 'handed_over', when: 'any time', money: undefined },
  {
    action: 'acknowledge',
    actor: 'provider',
    from: PENDING,
    to: 'acknowledged',
    when: 'before the deadline',
    money: undefined,
  },
  {
    action: 'complete',
    actor: 'provider',
    from: PENDING,
    to: 'completed',
    when: 'before the deadline',
    money: 'release',
  },
  { action: 'fail', actor: 'provider', from: PENDING, to: 'failed', when: 'before the deadline', money: 'refund' },
  {
    action: 'cancel',
    actor: 'caller',
    from: ['queued', 'handed_over'],
    to: 'cancelled',
    when: 'before the deadline',
    money: 'refund',
  },
  { action: 'expire', actor: 'platform', from: PENDING, to: 'timeout', when: 'after the deadline', money: 'refund' },
];

/** Where the action leads from here; undefined when it is not to be taken. */
export function nextPhase(
  phase: InvocationPhase,
  action: InvocationAction,
  isPastDeadline: boolean,
): InvocationPhase | undefined {
  const step = STEPS.find((one) => one.action === action && one.from.includes(phase));
  if (step === undefined) return undefined;
  switch (step.when) {
    case 'any time':
      return step.to;
    case 'before the deadline':
      return isPastDeadline ? undefined : step.to;
    case 'after the deadline':
      return isPastDeadline ? step.to : undefined;
    default:
      return assertNever(step.when);
  }
}

/** The process as a Mermaid state diagram. */
export function processDiagram(): string {
  const arrows = STEPS.flatMap(({ action, actor, from, to, money }) =>
    from
      .filter((phase) => phase !== to)
      .map((phase) => `  ${phase} --> ${to}: ${action} (${actor})${money === undefined ? '' : `, ${money}`}`),
  );
  const ends = ['completed', 'failed', 'cancelled', 'timeout'].map((phase) => `  ${phase} --> [*]`);
  return ['stateDiagram-v2', '  [*] --> queued: invoke (caller), hold', ...arrows, ...ends].join('\n');
}

type Marked = { status: InvocationStatus; cancelled: boolean; handedOverAt: Date | null; acknowledgedAt: Date | null };

/** The phase of a stored invocation. */
export function phaseOf({ status, cancelled, handedOverAt, acknowledgedAt }: Marked): InvocationPhase {
  if (status !== 'pending') return cancelled ? 'cancelled' : status;
  if (acknowledgedAt !== null) return 'acknowledged';
  return handedOverAt !== null ? 'handed_over' : 'queued';
}
