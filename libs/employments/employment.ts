import { assertNever } from '#kernel';

/** The contract's states. */
export type EmploymentStatus = 'pending' | 'active' | 'terminated' | 'completed' | 'rejected';

/** The finer state: also how an offer came to nothing. */
export type EmploymentPhase = EmploymentStatus | 'expired' | 'withdrawn';

export type Role = 'employer' | 'employee';

export type EmploymentAction = 'accept' | 'reject' | 'terminate' | 'end';

/** One step of the process: who may take it from where, on which side of the time that is due, and what it does with the hold. */
export type Step = {
  readonly action: EmploymentAction;
  readonly actor: Role | 'platform';
  readonly from: EmploymentPhase;
  readonly to: EmploymentPhase;
  readonly when: 'before it is due' | 'when it is due';
  /** `bill`: started hours to the employee, the rest back. */
  readonly money: 'bill' | 'refund' | undefined;
};

/**
 * The whole process of an employment. What is due is the end of the offer while it is pending, and the end of the work while it is
 * active. The diagram in README.md is made from it, and a test walks every action through every phase of a real database and compares
 * (test/flows/employment-process.test.ts).
 */
export const STEPS: readonly Step[] = [
  step('accept', 'employee', 'pending', 'active', 'before it is due', undefined),
  step('reject', 'employee', 'pending', 'rejected', 'before it is due', 'refund'),
  step('terminate', 'employer', 'pending', 'withdrawn', 'before it is due', 'refund'),
  step('end', 'platform', 'pending', 'expired', 'when it is due', 'refund'),
  step('terminate', 'employer', 'active', 'terminated', 'before it is due', 'bill'),
  step('terminate', 'employee', 'active', 'terminated', 'before it is due', 'bill'),
  step('end', 'platform', 'active', 'completed', 'when it is due', 'bill'),
];

/** An offer that nobody answers ends after three days: long enough for a weekend, and the stake is not bound for ever. */
export const OFFER_HOURS = 72;
/** No employment lasts longer than a year, whatever its stake would pay for. */
export const HOURS_MAX = 8_760;
/** So many offers of one employer may wait for their answers. */
export const PENDING_MAX = 100;
// As the contract says.
const STAKE_HOURS = 10n;

/** What is held for an employment: what the employer names, or ten hours. */
export function stakeOf(salary: bigint, stakeAmount: bigint | undefined): bigint {
  return stakeAmount ?? salary * STAKE_HOURS;
}

/** Where the action of this actor leads from here; undefined when it is not to be taken. */
export function nextPhase(
  phase: EmploymentPhase,
  action: EmploymentAction,
  actor: Role | 'platform',
  isDue: boolean,
): EmploymentPhase | undefined {
  const found = STEPS.find((one) => one.action === action && one.actor === actor && one.from === phase);
  if (found === undefined) return undefined;
  switch (found.when) {
    case 'before it is due':
      return isDue ? undefined : found.to;
    case 'when it is due':
      return isDue ? found.to : undefined;
    default:
      return assertNever(found.when);
  }
}

/** The status under which the contract knows a phase. */
export function statusOf(phase: EmploymentPhase): EmploymentStatus {
  switch (phase) {
    case 'expired':
      return 'rejected';
    case 'withdrawn':
      return 'terminated';
    default:
      return phase;
  }
}

/** The phases that have a status. */
export function phasesOf(status: EmploymentStatus): EmploymentPhase[] {
  return PHASES.filter((phase) => statusOf(phase) === status);
}

export const PHASES: readonly EmploymentPhase[] = [
  'pending',
  'active',
  'rejected',
  'expired',
  'withdrawn',
  'terminated',
  'completed',
];

/** Whether the hold of an employment in this phase has been settled. */
export function isEnded(phase: EmploymentPhase): boolean {
  return phase !== 'pending' && phase !== 'active';
}

/** The process as a Mermaid state diagram. */
export function processDiagram(): string {
  const arrows = STEPS.map(
    ({ action, actor, from, to, money }) =>
      `  ${from} --> ${to}: ${action} (${actor})${money === undefined ? '' : `, ${money}`}`,
  );
  const ends = PHASES.filter(isEnded).map((phase) => `  ${phase} --> [*]`);
  return ['stateDiagram-v2', '  [*] --> pending: offer (employer), hold', ...arrows, ...ends].join('\n');
}

function step(
  action: EmploymentAction,
  actor: Step['actor'],
  from: EmploymentPhase,
  to: EmploymentPhase,
  when: Step['when'],
  money: Step['money'],
): Step {
  return { action, actor, from, to, when, money };
}
