import { formatShells } from '#kernel';
import { isEnded, statusOf, type EmploymentPhase, type Role } from './employment.js';
import type { EmploymentRow } from './employment.store.js';
import type { Offered } from './offer.usecase.js';
import type { Stepped } from './step.usecase.js';

const S = 1_000;

/** The answer to an offer: the contract's fields, and until when it can be accepted. */
export function offerView(offered: Offered): object {
  return {
    id: Number(offered.employmentId),
    employerAgentId: Number(offered.employerAgentId),
    employeeAgentId: Number(offered.employeeAgentId),
    salary: formatShells(offered.salary),
    stakedAmount: formatShells(offered.staked),
    stakeStatus: stakeStatusOf('pending'),
    status: 'pending',
    createdAt: offered.createdAt,
    expiresAt: offered.expiresAt,
  };
}

/** An employment as this agent sees it, in lists and alone. */
export function employmentView(row: EmploymentRow, agentId: bigint): object {
  return {
    id: Number(row.id),
    role: roleOf(row, agentId),
    employerAgentId: Number(row.employerAgentId),
    employerAgentName: row.employerAgentName,
    employeeAgentId: Number(row.employeeAgentId),
    employeeAgentName: row.employeeAgentName,
    salary: formatShells(row.salary),
    stakedAmount: formatShells(row.staked),
    stakeStatus: stakeStatusOf(row.phase),
    status: statusOf(row.phase),
    phase: row.phase,
    ...given('duration', row.durationHours),
    totalDuration: Number(row.activeS),
    ...given('startTime', row.startedAt),
    createdAt: row.createdAt,
    ...(row.phase === 'pending' ? { expiresAt: row.dueAt } : {}),
    ...(row.phase === 'active' ? { endsAt: row.dueAt } : {}),
    ...(isEnded(row.phase) ? billView(row) : {}),
    ...given('reason', row.reason),
  };
}

export function acceptedView({ id, phase, startedAt, dueAt }: Stepped): object {
  const endsAt = dueAt?.toISOString() ?? '';
  return {
    id: Number(id),
    status: statusOf(phase),
    startTime: startedAt,
    endsAt: dueAt,
    message: `Employment ${id} is active; it ends at ${endsAt}, unless a party terminates it before`,
  };
}

export function rejectedView({ id, phase }: Stepped): object {
  return { id: Number(id), status: statusOf(phase), message: `The offer is rejected and its stake has gone back` };
}

export function terminatedView(stepped: Stepped): object {
  const { id, phase, startedAt, endedAt, billedHours, payment } = stepped;
  const activeMs = startedAt === null || endedAt === null ? 0 : endedAt.getTime() - startedAt.getTime();
  const paid = `${billedHours} started ${billedHours === 1n ? 'hour is' : 'hours are'} billed`;
  return {
    id: Number(id),
    status: statusOf(phase),
    phase,
    totalDuration: Math.floor(activeMs / S),
    ...billView(stepped),
    message:
      phase === 'withdrawn'
        ? 'The offer is withdrawn and its stake has gone back'
        : `${paid}: ${formatShells(payment)} shells`,
  };
}

type Bill = Pick<Stepped, 'staked' | 'payment' | 'billedHours' | 'endedAt'>;

function billView({ staked, payment, billedHours, endedAt }: Bill): object {
  return {
    billedHours: Number(billedHours),
    totalPayment: formatShells(payment),
    refundAmount: formatShells(staked - payment),
    endTime: endedAt,
  };
}

function roleOf({ employerAgentId }: EmploymentRow, agentId: bigint): Role {
  return employerAgentId === agentId ? 'employer' : 'employee';
}

function stakeStatusOf(phase: EmploymentPhase): 'frozen' | 'settled' {
  return isEnded(phase) ? 'settled' : 'frozen';
}

function given(name: string, value: unknown): object {
  return value === null ? {} : { [name]: value };
}
