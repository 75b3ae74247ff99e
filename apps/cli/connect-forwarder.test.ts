import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from './cli-error.js';
import { Forwarder, retryDelayMs, type ForwarderOptions } from './connect-forwarder.js';
import type { Delivery } from './connect-frame.js';
import type { ConnectEvent } from './connect-log.js';
import type { Outcome } from './connect-target.js';

const REFUSED: Outcome = { kind: 'again', reason: 'HTTP 500' };
const TAKEN: Outcome = { kind: 'taken', facts: { status: 204 } };

let logged: ConnectEvent[];
let reasons: unknown[];
let told: string[];
let finished: Set<string>;
let handed: number[];
let answer: (attempt: number) => Outcome | Promise<Outcome>;
let failure: unknown;

beforeEach(() => {
  [logged, reasons, told, handed, failure] = [[], [], [], [], undefined];
  finished = new Set();
  answer = () => TAKEN;
});

function forwarder(options: Partial<ForwarderOptions> = {}): Forwarder {
  return new Forwarder({
    target: {
      name: 'a program',
      async hand(_, attempt) {
        handed.push(attempt);
        return answer(attempt);
      },
      end: () => undefined,
    },
    concurrency: 8,
    onExhausted: 'drop',
    log: (event, facts = {}) => {
      logged.push(event);
      reasons.push(facts['reason']);
    },
    now: () => Date.now(),
    finished: { has: (id) => finished.has(id), add: async (id) => void finished.add(id) },
    acknowledge: ({ seq, attempt }) => told.push(`ack ${seq} ${attempt}`) > 0,
    progress: ({ seq }) => void told.push(`progress ${seq}`),
    submit: async (id, result) => void told.push(`submit ${id} ${result.status}`),
    fatal: (error) => (failure = error),
    ...options,
  });
}

const work = (change: Partial<Delivery> = {}): Delivery => ({
  seq: 9,
  attempt: 1,
  id: 'evt_9',
  event: 'service_invoked',
  type: 'invocation.invoked',
  invocationId: 41,
  isWork: true,
  deadlineAt: Date.now() + 60_000,
  body: {},
  ...change,
});

it('hands over no work that has ended, and acknowledges it', async () => {
  const one = forwarder({ onExhausted: 'fail' });
  one.accept(work({ hasEnded: true }));
  await one.idle();
  expect(handed).toEqual([]);
  expect(logged).toEqual(['forward.expired', 'acked']);
  expect(told).toEqual(['ack 9 1']);
});

describe('retries', () => {
  it('end after as many as are allowed, long before the deadline', async () => {
    answer = () => REFUSED;
    const one = forwarder({ maxRetries: 2 });
    one.accept(work());
    await one.idle();
    expect(handed).toEqual([1, 2, 3]);
    expect(logged).toEqual(['forward.retry', 'forward.retry', 'forward.failed', 'acked']);
    expect(told).toEqual(['ack 9 1']);
  });

  it('may be none', async () => {
    answer = () => REFUSED;
    const one = forwarder({ maxRetries: 0, onExhausted: 'fail' });
    one.accept(work());
    await one.idle();
    expect(handed).toEqual([1]);
    expect(told).toEqual(['submit 41 failed', 'ack 9 1']);
  });

  it('that are used up end the run with 10 when that is wished, and leave the event to the next', async () => {
    answer = () => REFUSED;
    const one = forwarder({ maxRetries: 1, onExhausted: 'exit' });
    one.accept(work());
    await one.idle();
    expect(failure).toMatchObject({ code: 'TARGET_FAILED', exitCode: 10 });
    expect([told, [...finished]]).toEqual([[], []]);
  });

  it('are not counted against a target that takes it at last', async () => {
    answer = (attempt) => (attempt < 3 ? REFUSED : TAKEN);
    const one = forwarder({ maxRetries: 2 });
    one.accept(work());
    await one.idle();
    expect(logged.at(-2)).toBe('forward.ok');
  });

  it('come after 0.2 s, doubled up to 5 s, half of it by chance', () => {
    const delays = (random: number): number[] =>
      [1, 2, 3, 5, 6, 50].map((attempt) => retryDelayMs(attempt, () => random));
    expect(delays(1)).toEqual([200, 400, 800, 3_200, 5_000, 5_000]);
    expect(delays(0)).toEqual([100, 200, 400, 1_600, 2_500, 2_500]);
  });
});

describe('an event', () => {
  it('is reported on while the target is at work, and not while the target is down', async () => {
    let reported = (): void => undefined;
    const twice = new Promise<void>((resolve) => (reported = resolve));
    answer = async () => {
      await twice;
      return TAKEN;
    };
    const one = forwarder({
      progress: ({ seq }) => {
        told.push(`progress ${seq}`);
        if (told.length === 2) reported();
      },
    });
    one.reportEvery(10);
    one.accept(work());
    await one.idle();
    expect(told).toEqual(['progress 9', 'progress 9', 'ack 9 1']);
  });

  it('that comes again while it is at work is handed over once, and acknowledged as it came last', async () => {
    let finish = (): void => undefined;
    answer = () => new Promise((resolve) => (finish = () => resolve(TAKEN)));
    const one = forwarder();
    one.accept(work());
    one.accept(work({ attempt: 2 }));
    expect(one.inHand).toEqual([9]);
    await Promise.resolve();
    finish();
    await one.idle();
    expect([handed, told, one.inHand]).toEqual([[1], ['ack 9 2'], []]);
  });

  it('that was finished by an earlier run is acknowledged and not handed over', async () => {
    finished.add('evt_9');
    const one = forwarder();
    one.accept(work());
    await one.idle();
    expect([handed, told, logged]).toEqual([[], ['ack 9 1'], ['event.duplicate', 'acked']]);
  });

  it('is acknowledged after it is written down', async () => {
    const one = forwarder({
      finished: { has: () => false, add: async () => void told.push('written') },
    });
    one.accept(work());
    await one.idle();
    expect(told).toEqual(['written', 'ack 9 1']);
  });

  it('is said to be acknowledged when that was sent, and not while there is no connection', async () => {
    let isConnected = false;
    const one = forwarder({ acknowledge: () => isConnected });
    one.accept(work());
    await one.idle();
    expect(logged).toEqual(['forward.ok']);
    isConnected = true;
    one.accept(work({ attempt: 2 }));
    await one.idle();
    expect(logged).toEqual(['forward.ok', 'event.duplicate', 'acked']);
  });

  it('whose result is refused is told with what is wrong in each field', async () => {
    const errors = [
      { field: 'output.words', message: 'must be a number' },
      { field: 'output', message: 'must have no "letters"' },
    ];
    const refused = new ApiError(422, {
      success: false,
      error: { code: 'OUTPUT_INVALID', message: '2 fields are wrong; see errors' },
      errors,
    });
    answer = () => ({ kind: 'taken', facts: {}, result: { status: 'completed', output: {} } });
    const one = forwarder({
      submit: (_, { status }) => (status === 'completed' ? Promise.reject(refused) : Promise.resolve()),
    });
    one.accept(work());
    await one.idle();
    expect(logged).toEqual(['forward.ok', 'submit.failed', 'submitted', 'acked']);
    expect(reasons[1]).toBe(
      '2 fields are wrong; see errors; output.words must be a number; output must have no "letters"',
    );
  });
});
