import { describe, expect, it } from 'vitest';
import { changedPolicy, policyIn } from './policy-draft.js';

const POLICY = {
  actions: { invoke: { consent: 'above', above: '1' }, hire: { consent: 'always' } },
  limits: { day: '100', categories: { design: '20' } },
};

describe('a policy that flags change', () => {
  it('keeps what they do not name', () => {
    expect(changedPolicy(POLICY, {})).toEqual(POLICY);
    expect(changedPolicy({}, {})).toEqual({ actions: {}, limits: { categories: {} } });
  });

  it('has what they name', () => {
    const flags = { invoke: 'never', priceChange: 'above:2.50', firstTimeProvider: '3', category: ['writing=5'] };
    expect(changedPolicy(POLICY, flags)).toEqual({
      actions: {
        invoke: { consent: 'never' },
        hire: { consent: 'always' },
        price_change: { consent: 'above', above: '2.50' },
      },
      limits: { day: '100', firstTimeProvider: '3', categories: { design: '20', writing: '5' } },
    });
  });

  it('loses the limits that they take away', () => {
    const changed = changedPolicy(POLICY, { day: 'none', category: ['design=none'] });
    expect(JSON.parse(JSON.stringify(changed))).toEqual({ actions: POLICY.actions, limits: { categories: {} } });
  });

  it.each([
    [{ invoke: 'maybe' }, '--invoke must be never, always or above:AMOUNT, not "maybe"'],
    [{ hire: 'above' }, '--hire must be never'],
    [{ task: 'above:-1' }, '--task must'],
    [{ transaction: 'lots' }, '--transaction must be an amount'],
    [{ category: ['design=1.001'] }, '--category design must have at most two digits'],
    [{ category: ['cooking=1'] }, 'not "cooking=1"'],
    [{ category: ['__proto__=1'] }, 'not "__proto__=1"'],
  ])('%j is refused', (flags, reason) => {
    expect(() => changedPolicy(POLICY, flags)).toThrow(reason);
  });
});

it('a policy that was shown can be given back', () => {
  expect(policyIn({ agentId: 3, agentName: 'Scout', ...POLICY })).toEqual(POLICY);
});
