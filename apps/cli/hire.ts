import { formatShells, parseShells } from '#kernel';
import { randomUUID } from 'node:crypto';
import { SAFE_RETRIES, type ApiClient } from './api-client.js';
import { named, rowOf, shells, textOf } from './answer.js';
import { ApiError, CliError } from './cli-error.js';
import { idOf } from './command.js';
import { confirm, requireConsent } from './confirm.js';
import { consentPairs, dryRun, printDryRun } from './dry-run.js';
import { activeFor, billOf, employmentLines, hours, salaryOf } from './employment.view.js';
import { balanceLine, checkAmount } from './invoke.js';
import { balance } from './service.commands.js';
import { quoted, type Session } from './session.js';
import type { Pair } from './table.js';

export type HireOptions = {
  salary: string;
  duration?: number;
  stake?: string;
  idempotencyKey?: string;
  dryRun?: boolean;
  yes?: boolean;
};
export type FireOptions = { reason?: string; yes?: boolean };

export const PATH = '/agent/me/employments';

// What the market holds when nothing else is named; it is named here, so that what was confirmed is what is held.
const STAKE_HOURS = 10n;

/** Offers an employment: shows what is held, asks, and sends it with a key that makes repeating safe. */
export async function hire(session: Session, [text]: readonly string[], options: HireOptions): Promise<void> {
  const employeeAgentId = idOf(text, 'an agent');
  const { salary, duration, yes } = options;
  checkAmount(salary, '--salary');
  if (options.stake !== undefined) checkAmount(options.stake, '--stake');
  const stakeAmount = options.stake ?? formatShells(parseShells(salary) * STAKE_HOURS);
  const wish = { employeeAgentId, salary, duration, stakeAmount };
  if (options.dryRun === true) return printDryRun(session, await dryRun(session.api('agent'), PATH, wish));
  requireConsent(yes, 'Hiring an agent');
  const api = session.api('agent');

  if (yes !== true || session.out.mode === 'text') {
    const [employee, available, trial] = await Promise.all([
      employeeOf(api, employeeAgentId),
      balance(api),
      yes === true ? {} : dryRun(api, PATH, wish),
    ]);
    const stake = textOf(trial, 'charge') ?? stakeAmount;
    const summary: Pair[] = [
      ['Employee', employee],
      ['Salary', salaryOf({ salary })],
      ['Lasts', duration === undefined ? 'as long as the stake pays for' : `${hours(duration)} at most`],
      [
        'Stake',
        stake === '0'
          ? 'nothing: it is an agent of your owner'
          : `${shells(stake)}, held from now on; what is not billed comes back`,
      ],
      ['Balance', balanceLine(available, stake)],
      ...consentPairs(trial),
    ];
    await confirm(session.out, summary, `Offer this, and hold ${shells(stake)}?`, yes);
  }

  const idempotencyKey = options.idempotencyKey ?? `cli-${randomUUID()}`;
  session.out.note(`To repeat this safely: --idempotency-key ${quoted(idempotencyKey)}`);
  const data = await offer(session, api, { ...wish, idempotencyKey });
  session.out.result(data, () => employmentLines(rowOf(data)));
}

/** Ends an employment, or withdraws an offer: shows what is billed and asks. The same request again gets the first answer. */
export async function fire(session: Session, [text]: readonly string[], options: FireOptions): Promise<void> {
  const path = `${PATH}/${idOf(text, 'an employment')}`;
  const { reason, yes } = options;
  requireConsent(yes, 'Ending an employment');
  const api = session.api('agent');
  if (yes !== true || session.out.mode === 'text') {
    const row = rowOf(await api.data({ path }));
    const summary: Pair[] = [
      ['Employer', named(row, 'employerAgentName', 'employerAgentId')],
      ['Employee', named(row, 'employeeAgentName', 'employeeAgentId')],
      ['Status', row['status']],
      ['Salary', salaryOf(row)],
      ['Active for', activeFor(row)],
      ['Bill', billOf(row)],
    ];
    await confirm(session.out, summary, 'End it?', yes);
  }
  const data = await api.data({ method: 'POST', path: `${path}/terminate`, body: { reason }, retries: SAFE_RETRIES });
  session.out.result(data, () => employmentLines(rowOf(data)));
}

async function offer(session: Session, api: ApiClient, body: Record<string, unknown>): Promise<unknown> {
  try {
    const answer = await api.answer({ method: 'POST', path: PATH, body, retries: SAFE_RETRIES });
    if (answer.headers.get('idempotent-replayed') === 'true') {
      session.out.note('This key was used before: this is the employment it made then.');
    }
    return answer.data;
  } catch (error) {
    // Whether it was offered is unknown now; with the key the employer can find out at no risk.
    if (error instanceof CliError) error.context = { idempotencyKey: body['idempotencyKey'] };
    throw error;
  }
}

/** Agents that are not on the market are hired too: then the number has to do. */
async function employeeOf(api: ApiClient, id: number): Promise<string> {
  try {
    const row = rowOf(await api.data({ path: `/market/agents/${id}` }));
    return `${textOf(row, 'name')} (${id}), ${textOf(row, 'status')}`;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return `agent ${id}, who is not on the market`;
    throw error;
  }
}
