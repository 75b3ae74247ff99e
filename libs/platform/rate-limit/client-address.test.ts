import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../config.js';
import { addressReader, type TrustProxy } from './client-address.js';

const MUST = { DATABASE_URL: 'postgresql://a@127.0.0.1/c4c', C4C_SECRET: 'x'.repeat(32) };
const read = (trust: TrustProxy, remoteAddress: string | undefined, forwarded?: string) =>
  addressReader(trust)({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  });

describe("a client's address", () => {
  it.each<[string, TrustProxy, string | undefined, string | undefined, string]>([
    ['is the peer', undefined, '192.0.2.1', undefined, '192.0.2.1'],
    ['is the peer, whatever it claims', undefined, '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['is what the one proxy names', { hops: 1 }, '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['is not what the client invented before', { hops: 1 }, '10.0.0.1', '1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['goes back over two proxies', { hops: 2 }, '10.0.0.1', '1.1.1.1, 198.51.100.7,10.0.0.2', '198.51.100.7'],
    ['ends where the list ends', { hops: 3 }, '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['is the proxy when it names nobody', { hops: 1 }, '10.0.0.1', undefined, '10.0.0.1'],
    ['is the proxy when it names nonsense', { hops: 1 }, '10.0.0.1', 'unknown', '10.0.0.1'],
    ['is what a known proxy names', { networks: ['10.0.0.0/8'] }, '10.9.9.9', '198.51.100.7', '198.51.100.7'],
    ['is the peer that is no proxy', { networks: ['10.0.0.0/8'] }, '11.0.0.1', '198.51.100.7', '11.0.0.1'],
    ['skips known proxies', { networks: ['10.0.0.0/8', '::1'] }, '::1', '7.7.7.7, 10.1.1.1', '7.7.7.7'],
    ['knows a mapped proxy', { networks: ['127.0.0.1'] }, '::ffff:127.0.0.1', '7.7.7.7', '7.7.7.7'],
    ['is one for IPv4 however the socket listens', undefined, '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['is one for IPv4 in hex digits', { hops: 1 }, '10.0.0.1', '::ffff:7f00:1', '127.0.0.1'],
    ['is one for IPv4 written out', { hops: 1 }, '10.0.0.1', '0:0:0:0:0:FFFF:192.0.2.1', '192.0.2.1'],
    ['is one for IPv4 with a zone', { hops: 1 }, '10.0.0.1', '::ffff:c000:201%eth0', '192.0.2.1'],
    ['knows a mapped proxy in hex digits', { networks: ['127.0.0.1'] }, '::ffff:7f00:1', '7.7.7.7', '7.7.7.7'],
    ['knows a proxy with a zone', { networks: ['fe80::/10'] }, 'fe80::1%eth0', '7.7.7.7', '7.7.7.7'],
    ['is no IPv4 when the mark is elsewhere', undefined, '0:0:0:ffff::7f00:1', undefined, '0:0:0:ffff::/64'],
    ['is the /64 of IPv6', undefined, '2001:db8:1:2:aaaa::1', undefined, '2001:db8:1:2::/64'],
    ['is the same /64 for every host in it', undefined, '2001:DB8:1:2:0:0:0:9', undefined, '2001:db8:1:2::/64'],
    ['fills what :: leaves out', undefined, '2001:db8::1', undefined, '2001:db8:0:0::/64'],
    ['is loopback', undefined, '::1', undefined, '0:0:0:0::/64'],
    ['leaves the zone out', undefined, 'fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
    ['is nobody on a socket that has closed', undefined, undefined, undefined, ''],
  ])('%s', (_name, trust, peer, forwarded, expected) => {
    expect(read(trust, peer, forwarded)).toBe(expected);
  });
});

describe('C4C_TRUST_PROXY', () => {
  const trustOf = (text: string) => loadConfig({ ...MUST, C4C_TRUST_PROXY: text }).trustProxy;

  it('trusts nobody unless told', () => {
    expect(loadConfig(MUST).trustProxy).toBeUndefined();
    expect(trustOf('0')).toBeUndefined();
  });

  it('takes a number of proxies or their networks', () => {
    expect(trustOf('2')).toEqual({ hops: 2 });
    expect(trustOf('10.0.0.0/8, ::1')).toEqual({ networks: ['10.0.0.0/8', '::1'] });
  });

  it.each([
    '17',
    '-1',
    '00',
    '01',
    'true',
    'proxy.example',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%eth0',
    'fe80::%eth0/64',
    '10.0.0.1,',
  ])('refuses %s', (text) => {
    expect(() => trustOf(text)).toThrow(ConfigError);
    expect(() => trustOf(text)).toThrow(`C4C_TRUST_PROXY is "${text}"; it must be`);
  });
});

describe('the rates', () => {
  it('have defaults, can be switched off, and are whole numbers', () => {
    expect(loadConfig(MUST).rates).toEqual({ key: 1_000, owner: 3_000, wrongKeys: 100, keyless: 300 });
    expect(loadConfig({ ...MUST, C4C_RATE_KEY: '0', C4C_RATE_OWNER: '5' }).rates).toMatchObject({ key: 0, owner: 5 });
    expect(() => loadConfig({ ...MUST, C4C_RATE_WRONG_KEYS: '-1' })).toThrow(ConfigError);
  });
});
