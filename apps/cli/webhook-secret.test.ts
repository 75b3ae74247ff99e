import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from './connect-webhook.js';
import { localSecret } from './webhook-secret.js';

let folder: string;
let config: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'c4c-secret-'));
  config = join(folder, 'config.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is made once and kept, readable by its owner only', () => {
  const first = localSecret(undefined, config, {});
  expect(first).toMatchObject({ isNew: true, file: join(folder, 'webhook-secret') });
  expect(localSecret(undefined, config, {})).toEqual({ ...first, isNew: false });
  expect(statSync(join(folder, 'webhook-secret')).mode & 0o077).toBe(0);
});

it('is the given one first, then that of the environment, and neither is kept', () => {
  const [given, other] = ['a', 'b'].map((letter) => `whsec_${Buffer.alloc(24, letter).toString('base64')}`);
  const env = { C4C_WEBHOOK_SECRET: other };
  expect(localSecret(given, config, env)).toEqual({ secret: given, isNew: false });
  expect(localSecret(undefined, config, env)).toEqual({ secret: other, isNew: false });
  expect(() => readFileSync(join(folder, 'webhook-secret'))).toThrow();
});

it.each(['secret', 'whsec_', 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(200)}`])('is not %s', (secret) => {
  expect(() => localSecret(secret, config, {})).toThrow(/whsec_/);
});

it('signs what a verifier of the same secret takes', () => {
  const { secret } = localSecret(undefined, config, {});
  const body = '{"type":"service_invocation","input":{"text":"ä"}}';
  expect(new Webhook(secret).verify(body, signatureHeaders(secret, 'evt_1', body))).toEqual(JSON.parse(body));
  expect(() => new Webhook(secret).verify(`${body} `, signatureHeaders(secret, 'evt_1', body))).toThrow();
});
