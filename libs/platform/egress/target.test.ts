import { expect, it } from 'vitest';
import { Egress } from './egress.js';
import { parsePorts } from './settings.js';

const settings = { allow: [], ports: parsePorts('443,8443') ?? [], isHttpsOnly: true };
const production = new Egress(settings);
const development = new Egress({ ...settings, ports: parsePorts('80,443,1024-65535') ?? [], isHttpsOnly: false });

it.each(['https://example.com', 'https://example.com:8443/a?b=c', 'https://8.8.8.8/', 'HTTPS://EXAMPLE.COM/'])(
  'takes %s in production',
  (url) => {
    expect(production.check(url)).toBeUndefined();
  },
);

it.each([
  ['http://example.com/', 'must begin with https://'],
  ['https://example.com:80/', 'must not name port 80'],
  ['https://example.com:5432/', 'must not name port 5432'],
  ['https://example.com:0/', 'must not name port 0'],
  ['https://user@example.com/', 'must not contain a user or a password'],
  ['https://:secret@example.com/', 'must not contain a user or a password'],
  ['https://example.com./', 'must name its host without a dot at the end'],
  ['https://example.com/#part', 'must not contain a fragment (#…)'],
  ['https://exam\nple.com/', 'must not contain spaces, backslashes or control characters'],
  [' https://example.com/', 'must not contain spaces, backslashes or control characters'],
  ['https:\\\\example.com/', 'must not contain spaces, backslashes or control characters'],
  ['ftp://example.com/', 'must be a URL such as https://example.com/hook'],
  ['file:///etc/passwd', 'must be a URL such as https://example.com/hook'],
  ['javascript:alert(1)', 'must be a URL such as https://example.com/hook'],
  ['example.com/hook', 'must be a URL such as https://example.com/hook'],
  ['https://', 'must be a URL such as https://example.com/hook'],
  ['https://1.2.3.4.5/', 'must be a URL such as https://example.com/hook'],
  [`https://example.com/${'x'.repeat(2_048)}`, 'must have at most 2048 characters'],
  [`https://example.com/${'ä'.repeat(1_000)}`, 'must have at most 2048 characters, with %XX for special ones'],
  ['https://0x7f.1/', 'must not name 127.0.0.1, which is no public address'],
  ['https://[::ffff:a9fe:a9fe]/', 'must not name ::ffff:a9fe:a9fe, which is no public address'],
])('refuses %j in production: %s', (url, sentence) => {
  expect(production.check(url)).toBe(sentence);
});

it('takes plain HTTP and the ports of development servers elsewhere', () => {
  expect(development.check('http://example.com:3000/')).toBeUndefined();
  expect(development.check('http://example.com/')).toBeUndefined();
  expect(development.check('http://example.com:25/')).toBe('must not name port 25');
});
