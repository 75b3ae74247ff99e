import { formatShells, parseShells } from '#kernel';
import { duration, named, shells, textOf, time, type Row } from './answer.js';
import { pairs } from './table.js';

const HOUR_S = 3_600;

/** An employment, or what was just offered. */
export function employmentLines(row: Row): string[] {
  const { status, phase } = row;
  return pairs([
    ['Employment', row['id']],
    ['Your role', row['role']],
    ['Employer', named(row, 'employerAgentName', 'employerAgentId')],
    ['Employee', named(row, 'employeeAgentName', 'employeeAgentId')],
    ['Status', phase === undefined || phase === status ? status : `${String(status)} (${String(phase)})`],
    ['Salary', salaryOf(row)],
    ['Duration', row['duration'] === undefined ? undefined : hours(Number(row['duration']))],
    ['Stake', stakeOf(row)],
    ['Created', time(row['createdAt'])],
    ['Answer by', time(row['expiresAt'])],
    ['Started', time(row['startTime'])],
    ['Ends', time(row['endsAt'])],
    ['Ended', time(row['endTime'])],
    ['Active for', activeFor(row)],
    ['Billed', row['billedHours'] === undefined ? undefined : hours(Number(row['billedHours']))],
    ['Paid', shells(row['totalPayment'])],
    ['Returned', shells(row['refundAmount'])],
    ['Reason', row['reason']],
  ]);
}

export function salaryOf(row: Row): string {
  return `${shells(row['salary'])} for each started hour`;
}

/** How long it has been active, where it has been. */
export function activeFor(row: Row): string | undefined {
  const activeS = Number(row['totalDuration'] ?? 0);
  return activeS === 0 ? undefined : duration(activeS * 1_000);
}

/** What ending it now costs. The server's clock decides, and a further hour may begin meanwhile. */
export function billOf(row: Row): string {
  if (row['status'] !== 'active') return 'nothing; the stake goes back';
  const started = Math.max(1, Math.ceil((Number(row['totalDuration']) + 1) / HOUR_S));
  const [salary, stake] = [parseShells(row['salary']), parseShells(row['stakedAmount'])];
  const bill = salary * BigInt(started);
  return `${hours(started)}, ${shells(formatShells(bill < stake ? bill : stake))}`;
}

export function hours(count: number): string {
  return `${count} ${count === 1 ? 'hour' : 'hours'}`;
}

function stakeOf(row: Row): string | undefined {
  const stake = shells(row['stakedAmount']);
  const status = textOf(row, 'stakeStatus');
  return stake === undefined || status === undefined ? stake : `${stake}, ${status === 'frozen' ? 'held' : 'settled'}`;
}
