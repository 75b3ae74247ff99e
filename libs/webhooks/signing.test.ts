import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { SecretBox } from './secret-box.js';
import { newSecret, sign } from './signing.js';

const bytes = Buffer.from('{"text":"Grüße \\u0000 🐚"}');

it('signs as Standard Webhooks shows it', () => {
  // The example of the specification.
  const headers = sign(
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    new Date(1_614_265_330_500),
    Buffer.from('{"test": 2432232314}'),
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('signs the bytes themselves, once with every secret', () => {
  const secrets = [newSecret(), newSecret()];
  const at = new Date();
  const headers = sign(secrets, 'evt_1', at, bytes);
  const expected = secrets.map((secret) => {
    const mac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
    mac.update(`evt_1.${Math.floor(at.getTime() / 1_000)}.`).update(bytes);
    return `v1,${mac.digest('base64')}`;
  });
  expect(headers['webhook-signature']).toBe(expected.join(' '));
  for (const secret of secrets)
    expect(new Webhook(secret).verify(bytes, headers)).toEqual(JSON.parse(bytes.toString()));
  expect(() => new Webhook(newSecret()).verify(bytes, headers)).toThrow('No matching signature');
});

it('makes secrets of 32 random bytes', () => {
  expect(newSecret()).toMatch(/^whsec_[0-9A-Za-z+/]{43}=$/);
  expect(new Set(Array.from({ length: 100 }, newSecret)).size).toBe(100);
});

it('seals a secret for one endpoint, each time differently', () => {
  const box = new SecretBox({ secret: 's'.repeat(32) });
  const secret = newSecret();
  const sealed = box.seal(secret, 7n);
  expect(sealed.includes(secret)).toBe(false);
  expect(box.seal(secret, 7n).equals(sealed)).toBe(false);
  expect(box.open(sealed, 7n)).toBe(secret);
  expect(() => box.open(sealed, 8n)).toThrow();
  expect(() => new SecretBox({ secret: 't'.repeat(32) }).open(sealed, 7n)).toThrow();
  for (let place = 0; place < sealed.length; place += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(place) ^ 1, place);
    expect(() => box.open(changed, 7n)).toThrow();
  }
});
