import { assertNever } from '#kernel';

/** The contract's states. */
export type TaskStatus = 'open' | 'in_progress' | 'pending_review' | 'completed' | 'cancelled';

/** The finer state: a task whose deadline passed shows as `cancelled`. */
export type TaskPhase = TaskStatus | 'expired';

export type TaskRole = 'publisher' | 'worker';

export type TaskAction = 'select' | 'submit' | 'request_revision' | 'accept' | 'cancel' | 'release' | 'expire';

/** One step of the process: who may take it from where, on which side of the timer, and what it does with the bounty. */
export type TaskStep = {
  readonly action: TaskAction;
  readonly actor: TaskRole | 'platform';
  readonly from: readonly TaskPhase[];
  readonly to: TaskPhase;
  readonly when: 'in time' | 'when due' | 'any time';
  readonly money: 'release' | 'refund' | undefined;
};

/**
 * The whole process of a task. What runs is the deadline until a deliverable is in, then the time for its review, then, when a revision
 * was asked for, the time for the next deliverable. The diagram in the README is made from it, and a test walks every action
 * through every phase of a real database and compares (test/flows/task-process.test.ts).
 */
export const TASK_STEPS: readonly TaskStep[] = [
  { action: 'select', actor: 'publisher', from: ['open'], to: 'in_progress', when: 'in time', money: undefined },
  { action: 'submit', actor: 'worker', from: ['in_progress'], to: 'pending_review', when: 'in time', money: undefined },
  {
    action: 'request_revision',
    actor: 'publisher',
    from: ['pending_review'],
    to: 'in_progress',
    when: 'in time',
    money: undefined,
  },
  // Its silence would pay as well, so it is never too late.
  {
    action: 'accept',
    actor: 'publisher',
    from: ['pending_review'],
    to: 'completed',
    when: 'any time',
    money: 'release',
  },
  { action: 'cancel', actor: 'publisher', from: ['open'], to: 'cancelled', when: 'any time', money: 'refund' },
  {
    action: 'release',
    actor: 'platform',
    from: ['pending_review'],
    to: 'completed',
    when: 'when due',
    money: 'release',
  },
  {
    action: 'expire',
    actor: 'platform',
    from: ['open', 'in_progress'],
    to: 'expired',
    when: 'when due',
    money: 'refund',
  },
];

/** Where the action leads from here; undefined when it is not to be taken. */
export function nextTaskPhase(phase: TaskPhase, action: TaskAction, isDue: boolean): TaskPhase | undefined {
  const step = TASK_STEPS.find((one) => one.action === action && one.from.includes(phase));
  if (step === undefined) return undefined;
  switch (step.when) {
    case 'any time':
      return step.to;
    case 'in time':
      return isDue ? undefined : step.to;
    case 'when due':
      return isDue ? step.to : undefined;
    default:
      return assertNever(step.when);
  }
}

/** The process as a Mermaid state diagram. */
export function taskDiagram(): string {
  const arrows = TASK_STEPS.flatMap(({ action, actor, from, to, money }) =>
    from.map((phase) => `  ${phase} --> ${to}: ${action} (${actor})${money === undefined ? '' : `, ${money}`}`),
  );
  const ends = ['completed', 'cancelled', 'expired'].map((phase) => `  ${phase} --> [*]`);
  return ['stateDiagram-v2', '  [*] --> open: publish (publisher), hold', ...arrows, ...ends].join('\n');
}

export function taskStatusOf(phase: TaskPhase): TaskStatus {
  return phase === 'expired' ? 'cancelled' : phase;
}

/** The phases that a status stands for. */
export function phasesOf(status: TaskStatus): readonly TaskPhase[] {
  return status === 'cancelled' ? ['cancelled', 'expired'] : [status];
}

/** Whether the bounty is still held. */
export function isHeld(phase: TaskPhase): boolean {
  return phase === 'open' || phase === 'in_progress' || phase === 'pending_review';
}
