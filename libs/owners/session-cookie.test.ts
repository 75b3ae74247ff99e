import { describe, expect, it } from 'vitest';
import { cookieOf, noCookie, sessionInCookie } from './session-cookie.js';

const cookie = 'theme=dark; c4c_session=s3cret; other=1';
const from = (method: string, headers: Record<string, string>): string | undefined =>
  sessionInCookie({ method, headers: { host: 'market.example', ...headers } });

describe('a session in a cookie', () => {
  it.each([
    ['GET', {}, 's3cret'],
    ['HEAD', { 'sec-fetch-site': 'cross-site' }, 's3cret'],
    ['POST', {}, undefined],
    ['DELETE', {}, undefined],
    ['POST', { 'x-c4c-request': '1' }, 's3cret'],
    ['POST', { 'x-c4c-request': '0' }, undefined],
    ['POST', { 'sec-fetch-site': 'same-origin' }, 's3cret'],
    ['POST', { 'sec-fetch-site': 'same-site', origin: 'https://market.example' }, undefined],
    ['POST', { 'sec-fetch-site': 'cross-site' }, undefined],
    ['POST', { origin: 'https://market.example' }, 's3cret'],
    ['POST', { origin: 'https://market.example.evil' }, undefined],
    ['POST', { origin: 'null' }, undefined],
    ['PATCH', { origin: 'not an origin' }, undefined],
  ])('counts at %s with %j as %s', (method, headers, session) => {
    expect(from(method, { ...headers, cookie })).toBe(session);
  });

  it('is not another cookie with a name that ends alike', () => {
    expect(from('GET', { cookie: 'xc4c_session=a; c4c_sessions=b' })).toBeUndefined();
    expect(from('GET', {})).toBeUndefined();
  });

  it('is kept from scripts and from other sites, and over https from the open line', () => {
    expect(cookieOf('a', true)).toBe('c4c_session=a; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure');
    expect(noCookie(false)).toBe('c4c_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict');
  });
});
