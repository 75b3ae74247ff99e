import { expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../config.js';

const ENOUGH = { DATABASE_URL: 'postgresql://a@127.0.0.1/a', C4C_SECRET: 's'.repeat(32) };

it('allows no private network by itself, and plain HTTP only outside production', () => {
  expect(loadConfig(ENOUGH).egress).toEqual({
    allow: [],
    ports: [
      { from: 80, to: 80 },
      { from: 443, to: 443 },
      { from: 1_024, to: 65_535 },
    ],
    isHttpsOnly: false,
  });
  expect(loadConfig({ ...ENOUGH, NODE_ENV: 'production' }).egress).toEqual({
    allow: [],
    ports: [
      { from: 443, to: 443 },
      { from: 8_443, to: 8_443 },
    ],
    isHttpsOnly: true,
  });
});

it('takes networks and ports', () => {
  const env = { ...ENOUGH, C4C_EGRESS_ALLOW: '127.0.0.0/8, ::1', C4C_EGRESS_PORTS: '443, 8000-8999' };
  expect(loadConfig(env).egress).toMatchObject({
    allow: ['127.0.0.0/8', '::1'],
    ports: [
      { from: 443, to: 443 },
      { from: 8_000, to: 8_999 },
    ],
  });
});

it.each([
  ['C4C_EGRESS_ALLOW', 'localhost'],
  ['C4C_EGRESS_ALLOW', '127.0.0.0/33'],
  ['C4C_EGRESS_ALLOW', '127.0.0.0/08'],
  ['C4C_EGRESS_ALLOW', '127.0.0.0/8,'],
  ['C4C_EGRESS_ALLOW', 'fe80::1%eth0'],
  ['C4C_EGRESS_PORTS', 'https'],
  ['C4C_EGRESS_PORTS', '0'],
  ['C4C_EGRESS_PORTS', '65536'],
  ['C4C_EGRESS_PORTS', '9000-8000'],
  ['C4C_EGRESS_PORTS', '443,,8443'],
])('refuses %s=%s with its name', (key, value) => {
  expect(() => loadConfig({ ...ENOUGH, [key]: value })).toThrow(ConfigError);
  expect(() => loadConfig({ ...ENOUGH, [key]: value })).toThrow(key);
});
