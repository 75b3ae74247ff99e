import { EVENT_TYPES, isAgentEventType, type AgentEventType, type Envelope } from '#events';
import {
  CONSUMER_NAME_RULE,
  isConsumerName,
  isJsonObject,
  MalformedJson,
  parseGuarded,
  type FieldError,
  type Json,
  type JsonObject,
  type Problem,
} from '#kernel';
import { problemOf, validationFailed } from '#platform';
import { gatewayProblems } from './gateway.problems.js';

/** How a client of `c4c.v1` begins: who reads, from where, what, and how much at a time. */
export type Hello = {
  type: 'hello';
  consumer: string;
  after: bigint | undefined;
  types: AgentEventType[] | undefined;
  window: number;
};

export type V1Frame =
  | Hello
  | { type: 'ack'; seq: bigint; attempt: number }
  | { type: 'nack'; seq: bigint; attempt: number; delayMs: number }
  | { type: 'progress'; seq: bigint; percent: number | undefined; note: string | undefined }
  | { type: 'submit'; ref: Ref; invocationId: bigint; fields: JsonObject }
  | { type: 'message' | 'read'; ref: Ref; fields: JsonObject }
  | { type: 'ping'; n: Json }
  | { type: 'pause' | 'resume' | 'bye' | 'pong' };

/** The client's own name for a request; its reply carries it. */
export type Ref = string | number;

export const WINDOW_MAX = 64;
export const CONSUMER_DEFAULT = 'default';
/** Names of each kind: of consumers that work and of those that watch. */
export const CONSUMERS_MAX = 32;
/** Before the name of a consumer whose key may only watch; no client can say it. */
export const WATCHER = '~';
const TYPES_MAX = 50;
const DELAY_MAX_MS = 3_600_000;
const NOTE_LENGTH_MAX = 500;
const REF_LENGTH_MAX = 64;
const SHOWN_LENGTH_MAX = 40;

/** Whether a consumer may have this name in the database. */
export function isKnownName(name: string): boolean {
  return isConsumerName(name.startsWith(WATCHER) ? name.slice(WATCHER.length) : name);
}

/** Reads one text frame of the protocol.
 *  @throws {Problem} FRAME_MALFORMED, FRAME_NOT_SUPPORTED, VALIDATION_FAILED, PROTOCOL_VERSION */
export function readV1Frame(text: string): V1Frame {
  const frame = parsed(text);
  const { type } = frame;
  switch (type) {
    case 'hello':
      return hello(frame);
    case 'ack':
      return checked((take) => ({ type, seq: take.seq(frame), attempt: take.integer(frame, 'attempt', 1, MAX) }));
    case 'nack':
      return checked((take) => ({
        type,
        seq: take.seq(frame),
        attempt: take.integer(frame, 'attempt', 1, MAX),
        delayMs: frame['delayMs'] === undefined ? 0 : take.integer(frame, 'delayMs', 0, DELAY_MAX_MS),
      }));
    case 'progress':
      return checked((take) => ({
        type,
        seq: take.seq(frame),
        percent: frame['percent'] === undefined ? undefined : take.integer(frame, 'percent', 0, 100),
        note: take.note(frame),
      }));
    case 'submit':
      return submit(frame);
    case 'message':
    case 'read':
      // Its fields are judged where those of the plain protocol are, so that the reply can name what is wrong.
      return checked((take) => ({ type, ref: take.ref(frame['ref']), fields: frame }));
    case 'ping':
      return { type, n: scalar(frame['n']) };
    case 'pong':
    case 'pause':
    case 'resume':
    case 'bye':
      return { type };
    default:
      throw gatewayProblems.FRAME_NOT_SUPPORTED(
        'The type of a frame is one of hello, ack, nack, progress, submit, message, read, pause, resume, ping, bye',
      );
  }
}

export function welcomeFrame(fields: {
  session: string;
  head: bigint;
  acked: bigint;
  pingMs: number;
  ackMs: number;
  window: number;
  maxBytes: number;
  scopes: readonly string[];
  now: Date;
}): string {
  const { head, acked, now, ...rest } = fields;
  return JSON.stringify({
    type: 'welcome',
    v: 1,
    ...rest,
    epoch: EPOCH,
    head: Number(head),
    acked: Number(acked),
    serverTime: now.toISOString(),
  });
}

/** The envelope of an event, as a frame. */
export function eventFrame(envelope: Envelope, attempt: number): string {
  return JSON.stringify({ ...envelope, type: 'event', attempt, redelivered: attempt > 1 });
}

export function caughtUpFrame(seq: bigint): string {
  return JSON.stringify({ type: 'caught_up', seq: Number(seq) });
}

/** These numbers are gone for ever: retention has passed over them. */
export function gapFrame(from: bigint, to: bigint): string {
  return JSON.stringify({ type: 'gap', from: Number(from), to: Number(to) });
}

export function v1PongFrame(n: Json): string {
  return JSON.stringify({ type: 'pong', n });
}

export function replyFrame(ref: Ref, answer: object): string {
  return JSON.stringify({ type: 'reply', ref, ok: true, ...answer });
}

export function refusalFrame(ref: Ref, problem: Problem): string {
  return JSON.stringify({ type: 'reply', ref, ok: false, ...refusal(problem) });
}

export function v1ErrorFrame(problem: Problem): string {
  return JSON.stringify({ type: 'error', ...refusal(problem) });
}

// The numbers of all streams have counted on since their first event.
const EPOCH = 1;
const MAX = Number.MAX_SAFE_INTEGER;

function refusal({ code, detail, details, errors, kind, retryAfterS }: Problem): object {
  return {
    code,
    message: detail,
    retryable: kind.retry === 'later',
    ...(details === undefined ? {} : { details }),
    ...(errors === undefined ? {} : { errors }),
    ...(retryAfterS === undefined ? {} : { retryAfterMs: retryAfterS * 1_000 }),
  };
}

function parsed(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseGuarded(text);
  } catch (error) {
    if (error instanceof MalformedJson) throw gatewayProblems.FRAME_MALFORMED('The frame is not JSON');
    throw problemOf(error);
  }
  if (!isJsonObject(value) || typeof value['type'] !== 'string')
    throw gatewayProblems.FRAME_MALFORMED('A frame is a JSON object with a member "type"');
  return value;
}

function hello(frame: JsonObject): Hello {
  const version = frame['v'] ?? 1;
  if (version !== 1)
    throw gatewayProblems.PROTOCOL_VERSION(`This server speaks version 1 of the protocol, ${not(version)}`);
  return checked((take) => ({
    type: 'hello',
    consumer: take.consumer(frame),
    after:
      frame['after'] === undefined || frame['after'] === null
        ? undefined
        : BigInt(take.integer(frame, 'after', 0, MAX)),
    types: take.types(frame),
    window: take.window(frame),
  }));
}

/** What is submitted is judged where every submission is, so that its reply can name what is wrong. */
function submit({ type: _type, ref, invocationId, ...fields }: JsonObject): V1Frame {
  return checked((take) => ({
    type: 'submit',
    ref: take.ref(ref),
    invocationId: BigInt(take.integer({ invocationId: invocationId ?? null }, 'invocationId', 1, MAX)),
    fields,
  }));
}

/** Collects every wrong field before it refuses. */
function checked<T>(read: (take: Fields) => T): T {
  const take = new Fields();
  const frame = read(take);
  if (take.errors.length > 0) throw validationFailed(take.errors);
  return frame;
}

class Fields {
  readonly errors: FieldError[] = [];

  integer(frame: JsonObject, field: string, min: number, max: number): number {
    const value = frame[field];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    return this.wrong(field, `must be a whole number from ${min} to ${max}, ${not(value)}`, min);
  }

  window({ window = WINDOW_MAX }: JsonObject): number {
    if (typeof window === 'number' && Number.isSafeInteger(window) && window >= 1) return Math.min(WINDOW_MAX, window);
    const range = `a whole number from 1 to ${WINDOW_MAX} (a larger one counts as ${WINDOW_MAX})`;
    return this.wrong('window', `must be ${range}, ${not(window)}`, 1);
  }

  seq(frame: JsonObject): bigint {
    return BigInt(this.integer(frame, 'seq', 1, MAX));
  }

  consumer(frame: JsonObject): string {
    const value = frame['consumer'] ?? CONSUMER_DEFAULT;
    if (typeof value === 'string' && isConsumerName(value)) return value;
    return this.wrong('consumer', `must be ${CONSUMER_NAME_RULE}; it is ${shown(value)}`, '');
  }

  types(frame: JsonObject): AgentEventType[] | undefined {
    const value = frame['types'];
    if (value === undefined || value === null) return undefined;
    const list = Array.isArray(value) ? value : undefined;
    const unknown = list?.find((one) => !isType(one));
    if (list !== undefined && list.length > 0 && list.length <= TYPES_MAX && list.every(isType)) return list;
    const what = list === undefined ? not(value) : unknown === undefined ? `it has ${list.length}` : not(unknown);
    return this.wrong('types', `must be a list of 1 to ${TYPES_MAX} of ${EVENT_TYPES.join(', ')}; ${what}`, undefined);
  }

  note(frame: JsonObject): string | undefined {
    const value = frame['note'];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string' && [...value].length <= NOTE_LENGTH_MAX) return value;
    return this.wrong('note', `must be text of at most ${NOTE_LENGTH_MAX} characters`, undefined);
  }

  ref(value: Json | undefined): Ref {
    if (isRef(value)) return value;
    return this.wrong('ref', `must be a number or text of 1 to ${REF_LENGTH_MAX} characters`, 0);
  }

  private wrong<T>(field: string, message: string, instead: T): T {
    this.errors.push({ field, message });
    return instead;
  }
}

/** The value that was refused, at the end of what it must be. */
function not(value: Json | undefined): string {
  return value === undefined ? 'and is missing' : `not ${shown(value)}`;
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX).toWellFormed()}…`;
}

function isType(value: Json): value is AgentEventType {
  return typeof value === 'string' && isAgentEventType(value);
}

function isRef(value: Json | undefined): value is Ref {
  return typeof value === 'number' || (typeof value === 'string' && value.length > 0 && value.length <= REF_LENGTH_MAX);
}

function scalar(value: Json | undefined): Json {
  return typeof value === 'number' || (typeof value === 'string' && value.length <= REF_LENGTH_MAX) ? value : null;
}
