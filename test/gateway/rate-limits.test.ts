import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Market, type Agent } from './market.js';

// On the busiest machine fewer upgrades than these run off while they are asked for.
const [KEY, UPGRADES, WRONG] = [10, 200, 3];

let market: Market;
let agent: Agent;
let eager: Agent;

beforeAll(async () => {
  market = await Market.start({ C4C_RATE_KEY: `${KEY}`, C4C_RATE_WRONG_KEYS: `${WRONG}` });
  // The first use of a key is a guess, and a test below uses the guesses up.
  [agent, eager] = [await market.agent(), await market.agent()];
  for (const { key } of [agent, eager]) await market.node.call(key, 'GET', '/agent/me');
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

describe('the door of the gateway', () => {
  it('limits wrong keys by address, lets in a key that was right before, and says so on every answer', async () => {
    // A guess runs off in 20 s.
    for (let n = 1; n <= WRONG; n += 1) {
      const answer = await market.knock({ 'X-API-Key': 'nobody' });
      expect(answer).toMatch(/^HTTP\/1\.1 401 .*\r\nratelimit-policy: "address";q=3;w=60\r\n/s);
      expect(answer).toMatch(new RegExp(`\r\nratelimit: "address";r=${WRONG - n};t=\\d+\r\n`));
    }
    expect(await market.knock({ 'X-API-Key': 'nobody' })).toMatch(
      /^HTTP\/1\.1 429 Too Many Requests\r\n.*ratelimit: "address";r=0;t=(\d+)\r\n.*retry-after: \1\r\n.*"RATE_LIMITED"/s,
    );
    expect(await market.knock({}, '/ws?api_key=nobody')).toMatch(/^HTTP\/1\.1 429 /);
    expect(await market.knock({ 'X-API-Key': agent.key }, '/ws', 300)).toMatch(
      /^HTTP\/1\.1 101 .*ratelimit-policy: "key";q=10;w=1, "owner";q=1000000;w=1\r\nratelimit: "key";r=\d+;t=1\r\n/s,
    );
  });

  it('keeps no right key waiting for those who come with wrong ones, however many', async () => {
    const flood = Array.from({ length: 1_200 }, () => market.knock({ 'X-API-Key': 'nobody' }, '/ws', 10_000));
    const honest = await market.knock({ 'X-API-Key': agent.key }, '/ws', 5_000);
    expect(honest).toMatch(/^HTTP\/1\.1 101 /);
    const statuses = (await Promise.all(flood)).map((answer) => answer.slice(0, 12));
    expect(statuses.filter((status) => status !== 'HTTP/1.1 401' && status !== 'HTTP/1.1 429')).toEqual([]);
  });

  it('counts upgrades for the key', async () => {
    const answers = await Promise.all(Array.from({ length: UPGRADES }, () => market.knock({ 'X-API-Key': eager.key })));
    const limited = answers.filter((answer) => answer.includes('"RATE_LIMITED"'));
    expect(limited.length).toBeGreaterThan(0);
    expect(answers.length - limited.length).toBeGreaterThanOrEqual(KEY);
    for (const answer of limited) {
      expect(answer).toMatch(/^HTTP\/1\.1 429 .*\r\nratelimit: "key";r=0;t=1\r\n.*\r\nretry-after: 1\r\n/s);
    }
  });
});
