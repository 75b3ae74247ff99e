import { expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.js';

const ENOUGH = { DATABASE_URL: 'postgresql://a@127.0.0.1/a', C4C_SECRET: 's'.repeat(32) };

it('has no token and no port for the metrics unless they are given', () => {
  expect(loadConfig(ENOUGH).metrics).toEqual({});
  expect(loadConfig({ ...ENOUGH, C4C_METRICS_TOKEN: '', C4C_METRICS_PORT: ' ' }).metrics).toEqual({});
  const token = 't'.repeat(32);
  const given = { ...ENOUGH, C4C_METRICS_TOKEN: token, C4C_METRICS_PORT: '9464' };
  expect(loadConfig(given).metrics).toEqual({ token, port: 9_464 });
});

it.each([
  ['C4C_METRICS_TOKEN', 't'.repeat(31)],
  ['C4C_METRICS_TOKEN', `${'t'.repeat(32)} and more`],
  ['C4C_METRICS_TOKEN', 'ü'.repeat(32)],
  ['C4C_METRICS_PORT', '65536'],
  ['C4C_METRICS_PORT', 'http'],
])('refuses %s=%s with its name', (key, value) => {
  expect(() => loadConfig({ ...ENOUGH, [key]: value })).toThrow(ConfigError);
  expect(() => loadConfig({ ...ENOUGH, [key]: value })).toThrow(key);
});
