import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '#events';
import { Problem } from '#kernel';
import { readV1Frame } from './v1-frames.js';

const read = (frame: unknown): unknown => readV1Frame(typeof frame === 'string' ? frame : JSON.stringify(frame));

/** The code of the refusal, and the fields it names. */
function refusal(frame: unknown): string {
  try {
    read(frame);
  } catch (error) {
    if (error instanceof Problem) return [error.code, ...(error.errors ?? []).map(({ field }) => field)].join(' ');
    throw error;
  }
  return 'taken';
}

describe('a frame of c4c.v1', () => {
  it.each([
    ['an empty hello', { type: 'hello' }, { consumer: 'default', after: undefined, types: undefined, window: 64 }],
    [
      'a full hello',
      { type: 'hello', v: 1, consumer: 'a.b_c:d-e', after: 7, types: ['review.created'], window: 9 },
      { consumer: 'a.b_c:d-e', after: 7n, types: ['review.created'], window: 9 },
    ],
    ['a hello with nulls', { type: 'hello', after: null, types: null }, { after: undefined, types: undefined }],
    ['a window beyond the largest', { type: 'hello', window: 1_000 }, { window: 64 }],
    ['an ack', { type: 'ack', seq: 3, attempt: 2 }, { seq: 3n, attempt: 2 }],
    ['a nack without a delay', { type: 'nack', seq: 3, attempt: 2 }, { delayMs: 0 }],
    ['a bare progress', { type: 'progress', seq: 3 }, { seq: 3n, percent: undefined, note: undefined }],
    ['progress with a note', { type: 'progress', seq: 3, percent: 0, note: 'x' }, { percent: 0, note: 'x' }],
    [
      'a submission, whose fields are judged later',
      { type: 'submit', ref: 'a', invocationId: 5, status: 1, colour: 'red' },
      { ref: 'a', invocationId: 5n, fields: { status: 1, colour: 'red' } },
    ],
    ['a ping', { type: 'ping', n: 4 }, { n: 4 }],
    ['a ping with an object', { type: 'ping', n: {} }, { n: null }],
    ['a pause', { type: 'pause' }, {}],
  ])('is read: %s', (_name, frame, expected) => {
    expect(read(frame)).toMatchObject({ type: frame.type, ...expected });
  });

  it.each([
    ['no JSON', '{', 'FRAME_MALFORMED'],
    ['nested too deeply', '['.repeat(100_000), 'FRAME_MALFORMED'],
    ['no object', '[1]', 'FRAME_MALFORMED'],
    ['without a type', '{}', 'FRAME_MALFORMED'],
    ['with U+0000', '{"type":"hello","consumer":"\\u0000"}', 'VALIDATION_FAILED consumer'],
    ['of an unknown type', '{"type":"constructor"}', 'FRAME_NOT_SUPPORTED'],
    ['of another version', { type: 'hello', v: 2 }, 'PROTOCOL_VERSION'],
    ['with a version as text', { type: 'hello', v: '1' }, 'PROTOCOL_VERSION'],
    [
      'hello with everything wrong',
      { type: 'hello', consumer: 'a b', after: -1, types: ['nothing'], window: 0 },
      'VALIDATION_FAILED consumer after types window',
    ],
    ['hello with no types', { type: 'hello', types: [] }, 'VALIDATION_FAILED types'],
    ['a consumer that no address can name', { type: 'hello', consumer: '..' }, 'VALIDATION_FAILED consumer'],
    ['a consumer too long', { type: 'hello', consumer: 'x'.repeat(64) }, 'VALIDATION_FAILED consumer'],
    ['an ack of nothing', { type: 'ack' }, 'VALIDATION_FAILED seq attempt'],
    ['an ack of half an event', { type: 'ack', seq: 1.5, attempt: 1 }, 'VALIDATION_FAILED seq'],
    ['a nack for a day', { type: 'nack', seq: 1, attempt: 1, delayMs: 86_400_000 }, 'VALIDATION_FAILED delayMs'],
    ['progress beyond 100', { type: 'progress', seq: 1, percent: 101 }, 'VALIDATION_FAILED percent'],
    ['a note too long', { type: 'progress', seq: 1, note: 'x'.repeat(501) }, 'VALIDATION_FAILED note'],
    ['a submission of nothing', { type: 'submit' }, 'VALIDATION_FAILED ref invocationId'],
  ])('is refused: %s', (_name, frame, expected) => {
    expect(refusal(frame)).toBe(expected);
  });

  it.each([
    [{ window: 0 }, 'must be a whole number from 1 to 64 (a larger one counts as 64), not 0'],
    [{ window: '8' }, 'must be a whole number from 1 to 64 (a larger one counts as 64), not "8"'],
    [{ after: -1 }, 'must be a whole number from 0 to 9007199254740991, not -1'],
    [
      { after: { a: 'x'.repeat(99) } },
      `must be a whole number from 0 to 9007199254740991, not {"a":"${'x'.repeat(34)}…`,
    ],
    [
      { consumer: 'a b' },
      'must be 1 to 63 letters, digits, dots, colons, hyphens or underscores, and not . or ..; it is "a b"',
    ],
    [{ types: ['review.created', 'nothing'] }, `must be a list of 1 to 50 of ${EVENT_TYPES.join(', ')}; not "nothing"`],
    [{ types: [] }, `must be a list of 1 to 50 of ${EVENT_TYPES.join(', ')}; it has 0`],
    [{ types: 'all' }, `must be a list of 1 to 50 of ${EVENT_TYPES.join(', ')}; not "all"`],
  ])('names what it was and what it may be: %j', (fields, message) => {
    const refused = (): unknown => read({ type: 'hello', ...fields });
    expect(refused).toThrow(expect.objectContaining({ errors: [{ field: Object.keys(fields)[0], message }] }));
  });

  it('names a version that is not spoken, and what is missing', () => {
    expect(() => read({ type: 'hello', v: 2 })).toThrow('This server speaks version 1 of the protocol, not 2');
    const message = 'must be a whole number from 1 to 9007199254740991, and is missing';
    const errors = [{ field: 'attempt', message }];
    expect(() => read({ type: 'ack', seq: 1 })).toThrow(expect.objectContaining({ errors }));
  });
});
