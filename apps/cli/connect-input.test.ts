import { describe, expect, it } from 'vitest';
import type { Delivery } from './connect-frame.js';
import { WholeInput } from './connect-input.js';
import type { Target } from './connect-target.js';

const URL = '/openapi/v1/agent/me/service-invocations/41';

function delivery(data: object): Delivery {
  return {
    seq: 1,
    attempt: 1,
    id: 'evt_1',
    event: 'service_invoked',
    type: 'invocation.invoked',
    invocationId: 41,
    isWork: true,
    body: { type: 'service_invocation', ...data, data: { serviceId: 7, ...data } },
  };
}

/** A target that refuses so many times, and what it was handed. */
function target(refusals = 0): Target & { handed: Delivery[] } {
  const handed: Delivery[] = [];
  return {
    name: 'here',
    handed,
    hand(one) {
      handed.push(one);
      return Promise.resolve(
        handed.length > refusals ? { kind: 'taken', facts: {} } : { kind: 'again', reason: 'not yet' },
      );
    },
    end: () => undefined,
  };
}

describe('a long input', () => {
  it('is fetched once, and handed on as a short one is', async () => {
    const [here, asked] = [target(1), [] as number[]];
    const whole = new WholeInput(here, (id) => {
      asked.push(id);
      return Promise.resolve({ input: { text: 'long' } });
    });
    const one = delivery({ inputUrl: URL });
    expect(await whole.hand(one, 1)).toMatchObject({ kind: 'again' });
    expect(await whole.hand(one, 2)).toMatchObject({ kind: 'taken' });
    expect(asked).toEqual([41]);
    const body = {
      type: 'service_invocation',
      input: { text: 'long' },
      data: { serviceId: 7, input: { text: 'long' } },
    };
    expect(here.handed.map((each) => each.body)).toEqual([body, body]);
  });

  it('that has been erased meanwhile is none', async () => {
    const here = target();
    await new WholeInput(here, () => Promise.resolve({ input: null })).hand(delivery({ inputUrl: URL }), 1);
    expect(here.handed[0]?.body).toMatchObject({ input: {}, data: { input: null } });
  });

  it('that cannot be had now is asked for again, and nothing is handed on before', async () => {
    const here = target();
    const answers = [Promise.reject(new Error('no answer')), Promise.resolve({ input: {} })];
    answers[0]?.catch(() => undefined);
    const whole = new WholeInput(here, () => answers.shift() ?? Promise.reject(new Error('asked too often')));
    const one = delivery({ inputUrl: URL });
    expect(await whole.hand(one, 1)).toEqual({ kind: 'again', reason: 'its input: no answer' });
    expect(here.handed).toEqual([]);
    expect(await whole.hand(one, 2)).toMatchObject({ kind: 'taken' });
  });

  it('is asked for only where there is one', async () => {
    const here = target();
    const whole = new WholeInput(here, () => Promise.reject(new Error('asked')));
    const one = delivery({ input: { text: 'x' } });
    expect(await whole.hand(one, 1)).toMatchObject({ kind: 'taken' });
    expect(here.handed).toEqual([one]);
  });
});
