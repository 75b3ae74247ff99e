import { expect, it } from 'vitest';
import { Problem } from '#kernel';
import { idempotencyKeyOf, requiredIdempotencyKeyOf } from './idempotency-key.js';

it('takes the key from the header, the body, or both when they are equal', () => {
  expect(idempotencyKeyOf({ 'idempotency-key': 'a' })).toBe('a');
  expect(idempotencyKeyOf({}, { idempotencyKey: 'b' })).toBe('b');
  expect(idempotencyKeyOf({ 'idempotency-key': 'c' }, { idempotencyKey: 'c' })).toBe('c');
  expect(idempotencyKeyOf({ 'idempotency-key': '' }, { idempotencyKey: '' })).toBeUndefined();
});

it.each([
  [{ 'idempotency-key': 'a' }, { idempotencyKey: 'b' }],
  [{ 'idempotency-key': 'x'.repeat(256) }, {}],
  [{ 'idempotency-key': 'tab\tin' }, {}],
  [{}, { idempotencyKey: 'line\nbreak' }],
  [{}, { idempotencyKey: '\u200b' }],
])('refuses %j with %j', (headers, body) => {
  expect(() => idempotencyKeyOf(headers, body)).toThrow(Problem);
});

it('refuses its absence where it is required', () => {
  expect(() => requiredIdempotencyKeyOf({}, {})).toThrow(Problem);
  expect(requiredIdempotencyKeyOf({}, { idempotencyKey: 'é'.repeat(255) })).toHaveLength(255);
});
