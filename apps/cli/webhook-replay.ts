import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { rowOf, rowsOf, type Row } from './answer.js';
import { SAFE_RETRIES, type ApiClient, type Query } from './api-client.js';
import { CliError, usageError } from './cli-error.js';
import { idOf } from './command.js';
import { EXIT } from './exit-codes.js';
import { quoted, type Session } from './session.js';
import { deliveryLines, replayLines } from './webhook-deliveries.view.js';
import { endpointPath } from './webhook-paths.js';

export type ReplayOptions = {
  failed?: boolean;
  after?: number;
  through?: number;
  idempotencyKey?: string;
  wait?: number | true;
};

const WAIT_S = 60;
const POLL_MS = 1_000;
/** What a delivery may come to without its receiver having the event or having no more need of it. */
const MISSED = ['failed', 'expired', 'cancelled'] as const;

/** Sends one delivery, or many, once more under a key that makes repeating safe; waits for the end if asked to. */
export async function replay(
  session: Session,
  [endpoint, delivery]: readonly string[],
  options: ReplayOptions,
): Promise<void> {
  const path = endpointPath(endpoint);
  const wish = wishOf(delivery, options);
  const key = keyOf(options);
  const api = session.api('agent');
  session.out.note(`To repeat this safely: --idempotency-key ${quoted(key)}`);
  const made = await begin(api, `${path}/${wish.path}`, wish.body, key);
  if (options.wait === undefined) {
    return session.out.result(made, () => [
      ...(wish.isOne ? deliveryLines(made) : replayLines(made)),
      `See how far it is with: c4c webhook ${wish.isOne ? 'log' : 'replays'} ${endpoint ?? ''} ${idIn(made)}`,
    ]);
  }
  const until = performance.now() + (options.wait === true ? WAIT_S : options.wait) * 1_000;
  if (wish.isOne) {
    const last = await follow(() => read(api, `${path}/deliveries/${idIn(made)}`), isPending, until);
    session.out.result(last, () => deliveryLines(last, session.out.width));
    process.exitCode = exitOf(last);
    return;
  }
  const last = await followMany(session, () => read(api, `${path}/replays/${idIn(made)}`), until);
  const exit: End = isPending(last) ? EXIT.pending : await exitOfMany(api, path, rowOf(last), until);
  session.out.result(last, () => [
    ...replayLines(last),
    hasNothing(last) ? 'There was nothing to send.' : HOW_IT_ENDED[exit],
    `See its deliveries with: c4c webhook log ${endpoint ?? ''} --replay ${idIn(last)}`,
  ]);
  process.exitCode = exit;
}

type Wish = { isOne: boolean; path: string; body: object };

/** @throws {CliError} usage */
function wishOf(delivery: string | undefined, { failed, after, through }: ReplayOptions): Wish {
  const ways = [delivery !== undefined, failed === true, after !== undefined || through !== undefined];
  if (ways.filter(Boolean).length !== 1 || (through !== undefined && after === undefined)) {
    throw usageError(
      'Say what to send once more: the id of a delivery, --failed, or --after SEQ and perhaps --through SEQ.',
    );
  }
  if (delivery !== undefined) {
    return { isOne: true, path: `deliveries/${idOf(delivery, 'a delivery')}/replay`, body: {} };
  }
  const body = failed === true ? { kind: 'failed' } : { kind: 'range', after, through };
  return { isOne: false, path: 'replays', body };
}

/** @throws {CliError} usage */
function keyOf({ idempotencyKey }: ReplayOptions): string {
  const key = idempotencyKey ?? `cli-${randomUUID()}`;
  // It travels as a header.
  if (!/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) {
    throw usageError('An idempotency key is 1 to 255 printable ASCII characters, without spaces at its ends.');
  }
  return key;
}

async function begin(api: ApiClient, path: string, body: object, key: string): Promise<unknown> {
  try {
    return await api.data({ method: 'POST', path, body, headers: { 'idempotency-key': key }, retries: SAFE_RETRIES });
  } catch (error) {
    // Whether it was begun is unknown now; with the key one finds out, and begins it no second time.
    if (error instanceof CliError) error.context = { idempotencyKey: key };
    throw error;
  }
}

/** Until the replay has made its deliveries; says how many there are. */
async function followMany(session: Session, look: () => Promise<unknown>, until: number): Promise<unknown> {
  let before: unknown;
  const tell = async (): Promise<unknown> => {
    const seen = await look();
    const { made } = rowOf(seen);
    if (made !== before) session.out.note(`${String(made)} made so far.`);
    before = made;
    return seen;
  };
  return follow(tell, isPending, until);
}

type End = typeof EXIT.ok | typeof EXIT.other | typeof EXIT.pending;

const HOW_IT_ENDED: Readonly<Record<End, string>> = {
  [EXIT.ok]: 'All of them have arrived, or were needed no more.',
  [EXIT.other]: 'Some of them did not arrive.',
  [EXIT.pending]: 'Some of them are still on their way.',
};

/** Waits until none of its deliveries is on its way, and looks what became of them. */
async function exitOfMany(api: ApiClient, path: string, made: Row, until: number): Promise<End> {
  if (await follow(() => hasMade(api, path, made, 'pending'), Boolean, until)) return EXIT.pending;
  for (const status of MISSED) if (await hasMade(api, path, made, status)) return EXIT.other;
  return EXIT.ok;
}

/** Whether a replay has made deliveries that are in this status now. */
async function hasMade(api: ApiClient, path: string, { id, createdAt }: Row, status: string): Promise<boolean> {
  // Its deliveries are younger than itself; what is older need not be looked through.
  const query = { replayId: Number(id), since: String(createdAt), status, limit: 1 };
  for (let before: number | undefined; ;) {
    const page = await read(api, `${path}/deliveries`, { ...query, before });
    if (rowsOf(page, 'deliveries').length > 0) return true;
    const { nextBefore } = rowOf(page);
    if (typeof nextBefore !== 'number') return false;
    before = nextBefore;
  }
}

/** Looks once a second, until it goes on no more or the time is over; answers what was seen last. */
async function follow<Seen>(look: () => Promise<Seen>, goesOn: (seen: Seen) => boolean, until: number): Promise<Seen> {
  for (;;) {
    const seen = await look();
    const leftMs = until - performance.now();
    if (!goesOn(seen) || leftMs <= 0) return seen;
    await sleep(Math.min(POLL_MS, leftMs));
  }
}

function read(api: ApiClient, path: string, query: Query = {}): Promise<unknown> {
  return api.data({ path, query, retries: SAFE_RETRIES });
}

function isPending(data: unknown): boolean {
  return rowOf(data)['status'] === 'pending';
}

function hasNothing(replay: unknown): boolean {
  const { made } = rowOf(replay);
  return made === 0 && !isPending(replay);
}

/** Superseded is work that its provider has, or that has ended: there was nothing left to send. */
function exitOf(delivery: unknown): End {
  const { status } = rowOf(delivery);
  if (status === 'pending') return EXIT.pending;
  return status === 'delivered' || status === 'superseded' ? EXIT.ok : EXIT.other;
}

function idIn(data: unknown): string {
  return String(rowOf(data)['id']);
}
