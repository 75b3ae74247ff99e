import { formatShells, InvalidShells, parseShells } from '#kernel';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SAFE_RETRIES, type ApiClient } from './api-client.js';
import { rowOf, shells, textOf } from './answer.js';
import { ApiError, CliError, usageError } from './cli-error.js';
import { idOf } from './command.js';
import { confirm, requireConsent } from './confirm.js';
import { consentPairs, dryRun, printDryRun } from './dry-run.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { readJsonObject } from './input-file.js';
import { invocationLines } from './invocation.view.js';
import { answersIn } from './market.commands.js';
import { balance } from './service.commands.js';
import { quoted, type Session } from './session.js';
import type { Pair } from './table.js';

export type InvokeOptions = {
  input?: string;
  maxPrice?: string;
  idempotencyKey?: string;
  wait?: number | true;
  requireReachable?: boolean;
  dryRun?: boolean;
  yes?: boolean;
};

const PATH = '/agent/me/service-invocations';
/** The longest wait that the API offers in one request; beyond it the command asks again. */
const PREFER_WAIT_MAX_S = 60;
const POLL_MS = 1_000;
const ANSWER_MARGIN_MS = 30_000;

/** Invokes a service: shows what it costs, asks, sends it with a key that makes repeating safe, and waits if asked to. */
export async function invoke(session: Session, [text]: readonly string[], options: InvokeOptions): Promise<void> {
  const serviceId = idOf(text, 'a service');
  const waitS = options.wait === true ? PREFER_WAIT_MAX_S : (options.wait ?? 0);
  if (options.maxPrice !== undefined) checkAmount(options.maxPrice, '--max-price');
  if (options.dryRun !== true) requireConsent(options.yes, 'Invoking a service');
  const input = options.input === undefined ? undefined : readJsonObject(options.input, '--input');
  const api = session.api('agent');
  const wish = { serviceId, input, maxPrice: options.maxPrice };
  if (options.dryRun === true) return printDryRun(session, await dryRun(api, PATH, wish));

  const confirmed = await confirmPrice(session, api, wish, options);
  const maxPrice = options.maxPrice ?? confirmed;
  const idempotencyKey = options.idempotencyKey ?? `cli-${randomUUID()}`;
  const { requireReachable } = options;
  session.out.note(retryHint(idempotencyKey, maxPrice));

  const until = performance.now() + waitS * 1_000;
  const data = await open(session, api, { serviceId, input, maxPrice, idempotencyKey, requireReachable }, waitS);
  // The first answer to a key that was used before is a receipt, even when the result is there by now.
  const last = waitS > 0 ? await follow(api, data, until) : data;
  session.out.result(last, () => resultLines(last));
  if (waitS > 0) process.exitCode = exitAfterWait(last);
}

/**
 * Shows title, price and balance and asks; the price that was confirmed is then the most that will be paid, so a change
 * in between is refused and not charged. With `--yes` nothing was confirmed and nothing is capped.
 */
async function confirmPrice(
  session: Session,
  api: ApiClient,
  wish: { serviceId: number; input: unknown; maxPrice: string | undefined },
  { yes, maxPrice }: InvokeOptions,
): Promise<string | undefined> {
  if (yes === true && session.out.mode === 'json') return undefined;
  const { serviceId } = wish;
  const [service, available] = await Promise.all([marketService(api, serviceId, yes), balance(api)]);
  if (service === undefined) return undefined;
  // What would be refused anyway is refused before the question.
  const trial = yes === true ? {} : await dryRun(api, PATH, wish);
  const row = rowOf(service);
  const price = textOf(service, 'price');
  const charge = textOf(trial, 'charge') ?? price;
  const summary: Pair[] = [
    ['Service', `${textOf(service, 'title')} (${serviceId}), by ${textOf(service, 'provider')}`],
    [
      'Price',
      charge === '0' && price !== '0'
        ? `nothing: it is a service of your owner (others pay ${shells(price)})`
        : `${shells(charge)}, held until the result is in; returned if it fails`,
    ],
    ['Answers in', answersIn(row)],
    ['Balance', balanceLine(available, charge)],
    ...consentPairs(trial),
  ];
  await confirm(session.out, summary, `Invoke it for at most ${shells(maxPrice ?? price)}?`, yes);
  return yes === true ? undefined : price;
}

/** With `--yes` the invocation itself is what answers for a service that the market does not show. */
async function marketService(api: ApiClient, serviceId: number, yes?: boolean): Promise<unknown> {
  try {
    return await api.data({ path: `/market/services/${serviceId}` });
  } catch (error) {
    if (yes === true && error instanceof ApiError) return undefined;
    throw error;
  }
}

async function open(session: Session, api: ApiClient, body: Record<string, unknown>, waitS: number): Promise<unknown> {
  const asked = Math.min(waitS, PREFER_WAIT_MAX_S);
  try {
    const answer = await api.answer({
      method: 'POST',
      path: PATH,
      body,
      headers: asked > 0 ? { prefer: `wait=${asked}` } : {},
      timeoutMs: asked * 1_000 + ANSWER_MARGIN_MS,
      retries: SAFE_RETRIES,
    });
    if (answer.headers.get('idempotent-replayed') === 'true') {
      session.out.note('This key was used before: this is the invocation it made then.');
    }
    return answer.data;
  } catch (error) {
    // Whether it was invoked is unknown now; with the key the caller can find out at no risk.
    if (error instanceof CliError) error.context = { idempotencyKey: body['idempotencyKey'] };
    throw error;
  }
}

/** Reads the invocation until it has ended or the time is over. */
async function follow(api: ApiClient, opened: unknown, until: number): Promise<unknown> {
  const id = textOf(opened, 'invocationId') ?? textOf(opened, 'id');
  let last = opened;
  for (let waitMs = 0; rowOf(last)['status'] === 'pending' && performance.now() < until; waitMs = POLL_MS) {
    await sleep(Math.min(waitMs, Math.max(0, until - performance.now())));
    last = await api.data({ path: `${PATH}/${id}`, retries: SAFE_RETRIES });
  }
  return last;
}

export function exitAfterWait(data: unknown): ExitCode {
  const { status } = rowOf(data);
  if (status === 'pending') return EXIT.pending;
  return status === 'completed' ? EXIT.ok : EXIT.other;
}

function resultLines(data: unknown): string[] {
  const id = textOf(data, 'invocationId') ?? textOf(data, 'id') ?? '';
  const isPending = rowOf(data)['status'] === 'pending';
  return [...invocationLines(data), ...(isPending ? [`See its result with: c4c manage inv show ${id}`] : [])];
}

function retryHint(idempotencyKey: string, maxPrice: string | undefined): string {
  const cap = maxPrice === undefined ? '' : ` --max-price ${quoted(maxPrice)}`;
  return `To repeat this safely: --idempotency-key ${quoted(idempotencyKey)}${cap}`;
}

export function balanceLine(available: string | undefined, price: string | undefined): string | undefined {
  if (available === undefined || price === undefined) return undefined;
  try {
    const rest = parseShells(available) - parseShells(price);
    return rest < 0n
      ? `${shells(available)}: ${shells(formatShells(-rest))} too little`
      : `${shells(available)}, ${shells(formatShells(rest))} afterwards`;
  } catch (error) {
    if (error instanceof InvalidShells) return shells(available);
    throw error;
  }
}

export function checkAmount(value: string, flag: string): void {
  try {
    parseShells(value);
  } catch (error) {
    if (error instanceof InvalidShells) throw usageError(`${flag} ${error.message}.`);
    throw error;
  }
}
