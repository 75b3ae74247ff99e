import { rowOf, rowsOf, type Row } from './answer.js';

/** The protocol that `connect` asks for at the upgrade. */
export const PROTOCOL = 'c4c.v1';

/** How many events the server may have out unacknowledged; also the most it allows. */
export const WINDOW = 64;

export type ClientFrame =
  | { type: 'hello'; v: 1; consumer: string; types?: readonly string[]; window: number; after?: number }
  | { type: 'ack'; seq: number; attempt: number }
  | { type: 'progress'; seq: number }
  | { type: 'pause' }
  | { type: 'bye' };

export type Welcome = {
  session: string;
  /** Number of the newest event. */
  head: number;
  /** Everything up to here is acknowledged by this consumer. */
  acked: number;
  pingMs: number;
  /** An event that is not acknowledged or reported on for so long is handed out again. */
  ackMs: number;
  /** What the key may do; undefined of a server that does not say. */
  scopes: readonly string[] | undefined;
  /** The server's clock, in milliseconds since 1970. Deadlines are told by it. */
  serverTime: number | undefined;
};

export type ServerFrame =
  | ({ type: 'welcome' } & Welcome)
  | { type: 'event'; seq: number; attempt: number; frame: Row }
  | { type: 'caught_up'; seq: number }
  | { type: 'gap'; from: number; to: number }
  | { type: 'drain'; reconnectAfterMs: number }
  | { type: 'error'; code: string; message: string }
  | { type: 'other' };

const PING_MS = { least: 100, usual: 20_000, most: 300_000 };
const ACK_MS = { least: 1_000, usual: 10_000, most: 3_600_000 };
const RECONNECT_AFTER_MAX_MS = 60_000;

/** Reads one text frame; what this version does not know is `other`, and never an error. */
export function readFrame(text: string): ServerFrame {
  const frame = parsed(text);
  switch (frame['type']) {
    case 'welcome':
      return {
        type: 'welcome',
        session: String(frame['session'] ?? ''),
        head: count(frame['head']),
        acked: count(frame['acked']),
        pingMs: within(frame['pingMs'], PING_MS.least, PING_MS.most) ?? PING_MS.usual,
        ackMs: within(frame['ackMs'], ACK_MS.least, ACK_MS.most) ?? ACK_MS.usual,
        scopes: Array.isArray(frame['scopes']) ? frame['scopes'].map(String) : undefined,
        serverTime: timeOf(frame['serverTime']),
      };
    case 'event': {
      const seq = within(frame['seq'], 1, Number.MAX_SAFE_INTEGER);
      if (seq === undefined) return { type: 'other' };
      return { type: 'event', seq, attempt: Math.max(1, count(frame['attempt'])), frame };
    }
    case 'caught_up':
      return { type: 'caught_up', seq: count(frame['seq']) };
    case 'gap':
      return { type: 'gap', from: count(frame['from']), to: count(frame['to']) };
    case 'drain':
      return { type: 'drain', reconnectAfterMs: within(frame['reconnectAfterMs'], 0, RECONNECT_AFTER_MAX_MS) ?? 0 };
    case 'error':
      return {
        type: 'error',
        code: String(frame['code'] ?? ''),
        message: reasonOf(frame),
      };
    default:
      return { type: 'other' };
  }
}

/** What the server says, and of wrong fields what it says of each. */
function reasonOf(frame: Row): string {
  const fields = rowsOf(frame, 'errors').map((each) => `${String(each['field'])} ${String(each['message'])}`);
  return [String(frame['message'] ?? frame['content'] ?? ''), ...fields].filter((part) => part !== '').join('; ');
}

function parsed(text: string): Row {
  try {
    return rowOf(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Numbers of a stream fit 53 bits; a client that decodes them as text is served too. */
function count(value: unknown): number {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

function timeOf(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value) : Number(value);
  return Number.isFinite(at) && at > 0 ? at : undefined;
}

function within(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && value >= least && value <= most ? value : undefined;
}
