import { expect, it } from 'vitest';
import { isEchoed, newChallenge } from './challenge.js';

const challenge = newChallenge();

it('is another one each time', () => {
  expect(challenge).toMatch(/^[\w-]{32}$/);
  expect(newChallenge()).not.toBe(challenge);
});

it.each([challenge, `${challenge}\n`, `{"challenge":"${challenge}"}`, ` {"a":1, "challenge" : "${challenge}"}\n`])(
  'is answered by %s',
  (answer) => {
    expect(isEchoed(Buffer.from(answer), challenge)).toBe(true);
  },
);

it.each([
  '',
  'ok',
  '{}',
  '{"challenge":7}',
  '{"challenge":"x"}',
  '{"challenge"',
  `"${challenge}"`,
  `${challenge}${challenge}`,
])('is not answered by %s', (answer) => {
  expect(isEchoed(Buffer.from(answer), challenge)).toBe(false);
});
