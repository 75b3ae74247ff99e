import { expect, it } from 'vitest';
import { loginKey } from './login-name.js';

it.each([
  ['Ada@Example.org', 'ada@example.org'],
  ['  Ada  Lovelace ', 'ada lovelace'],
  ['A\u200bda', 'ada'],
  ['Ａｄａ', 'ada'],
  ['ÉLAN', 'e\u0301lan'.normalize('NFC')],
])('compares %j as %j', (typed, key) => {
  expect(loginKey(typed)).toBe(key);
});
