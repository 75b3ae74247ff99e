import { expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.js';

const ENV = { DATABASE_URL: 'postgresql://c4c_app:x@127.0.0.1:5432/c4c', C4C_SECRET: 'x'.repeat(32) };

it('keeps events for 30 days and payloads for 90, unless told otherwise', () => {
  expect(loadConfig(ENV)).toMatchObject({ eventDays: 30, payloadDays: 90 });
  expect(loadConfig({ ...ENV, C4C_EVENT_DAYS: '3', C4C_PAYLOAD_DAYS: '0' })).toMatchObject({
    eventDays: 3,
    payloadDays: 0,
  });
});

it.each([
  ['C4C_EVENT_DAYS', '2'],
  ['C4C_EVENT_DAYS', '0'],
  ['C4C_EVENT_DAYS', 'ever'],
  ['C4C_EVENT_DAYS', '36501'],
  ['C4C_PAYLOAD_DAYS', '-1'],
  ['C4C_PAYLOAD_DAYS', '1.5'],
])('refuses %s=%s with a sentence', (key, value) => {
  expect(() => loadConfig({ ...ENV, [key]: value })).toThrow(ConfigError);
  expect(() => loadConfig({ ...ENV, [key]: value })).toThrow(new RegExp(`^${key} is "${value}"; it must be`));
});
