import { readChatFrame, type ChatFrame } from '#chat';
import {
  isJsonObject,
  MalformedJson,
  parseGuarded,
  type FieldError,
  type Json,
  type JsonObject,
  type Problem,
} from '#kernel';
import { httpProblems, problemOf } from '#platform';
import { gatewayProblems } from './gateway.problems.js';

/** What a client may say. */
export type ClientFrame =
  | { type: 'ping' }
  | { type: 'pong' }
  | { type: 'ack'; invocationId: bigint }
  | { type: 'progress'; invocationId: bigint; percent: number; note?: string }
  | ChatFrame;

const NOTE_LENGTH_MAX = 500;

/** Reads one text frame.
 *  @throws {Problem} FRAME_MALFORMED, FRAME_NOT_SUPPORTED, VALIDATION_FAILED */
export function readFrame(text: string): ClientFrame {
  const frame = parsed(text);
  switch (frame['type']) {
    case 'ping':
    case 'pong':
      return { type: frame['type'] };
    case 'ack':
      return ack(frame);
    case 'progress':
      return progress(frame);
    case 'message':
    case 'read':
      return readChatFrame(frame['type'], guarded(text));
    case 'hello':
      throw gatewayProblems.FRAME_NOT_SUPPORTED(
        'This socket speaks the plain protocol, whose notifications come without a hello. For c4c.v1 offer the subprotocol c4c.v1 at the upgrade, or connect to /ws?v=1',
      );
    default:
      throw gatewayProblems.FRAME_NOT_SUPPORTED(
        'The type of a frame is one of ping, pong, ack, progress, message, read',
      );
  }
}

/** The error frame of the contract. Older clients print `content`. */
export function errorFrame({ code, detail, details, errors }: Problem): string {
  const more = details ?? (errors === undefined ? undefined : { errors });
  return JSON.stringify({ type: 'error', code, message: detail, content: detail, details: more });
}

export function pongFrame(now: Date): string {
  return JSON.stringify({ type: 'pong', timestamp: now.toISOString() });
}

/** Tells a client that asked for such frames when to come back. */
export function drainFrame(reconnectAfterMs: number): string {
  return JSON.stringify({ type: 'drain', reconnectAfterMs });
}

function parsed(text: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw gatewayProblems.FRAME_MALFORMED('The frame is not JSON');
  }
  if (!isJsonObject(value) || typeof value['type'] !== 'string') {
    throw gatewayProblems.FRAME_MALFORMED('A frame is a JSON object with a member "type"');
  }
  return value;
}

/** What is kept must hold nothing that no table takes, at whatever depth. */
function guarded(text: string): JsonObject {
  try {
    const value = parseGuarded(text);
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof MalformedJson) throw gatewayProblems.FRAME_MALFORMED(error.message);
    throw problemOf(error);
  }
}

function ack(frame: JsonObject): ClientFrame {
  const errors: FieldError[] = [];
  const invocationId = idOf(frame, errors);
  refuseWrong(errors);
  return { type: 'ack', invocationId };
}

function progress(frame: JsonObject): ClientFrame {
  const errors: FieldError[] = [];
  const invocationId = idOf(frame, errors);
  const percent = frame['percent'];
  const note = frame['note'];
  const isPercent = typeof percent === 'number' && Number.isInteger(percent) && percent >= 0 && percent <= 100;
  if (!isPercent) errors.push({ field: 'percent', message: 'must be a whole number from 0 to 100' });
  const hasNote = note !== undefined && note !== null && note !== '';
  if (hasNote && !isNote(note))
    errors.push({ field: 'note', message: `must be text of at most ${NOTE_LENGTH_MAX} characters` });
  refuseWrong(errors);
  return { type: 'progress', invocationId, percent: Number(percent), ...(isNote(note) && hasNote ? { note } : {}) };
}

function idOf(frame: JsonObject, errors: FieldError[]): bigint {
  const id = frame['invocationId'];
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return BigInt(id);
  errors.push({ field: 'invocationId', message: 'must be the number of an invocation' });
  return 0n;
}

// PostgreSQL's text takes neither U+0000 nor half a surrogate pair.
function isNote(note: Json | undefined): note is string {
  return typeof note === 'string' && [...note].length <= NOTE_LENGTH_MAX && !note.includes('\0') && note.isWellFormed();
}

function refuseWrong(errors: FieldError[]): void {
  if (errors.length === 0) return;
  throw httpProblems.VALIDATION_FAILED(`Wrong: ${errors.map((error) => error.field).join(', ')}`, { errors });
}
