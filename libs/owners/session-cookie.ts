import type { FastifyRequest } from 'fastify';

const NAME = 'c4c_session';
// The server judges when a session ends; a browser forgets it no sooner than it can have ended.
const MAX_AGE_S = 7 * 86_400;
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The session in a browser's cookie. A browser sends it along whoever has made the request, so one that may write has to show that it
 * comes from a page of this server, or that somebody could set a header: no page of another origin can, without being asked first.
 */
export function sessionInCookie({ headers, method }: Pick<FastifyRequest, 'headers' | 'method'>): string | undefined {
  const { cookie } = headers;
  if (cookie === undefined) return undefined;
  const value = cookie
    .split(';')
    .map((one) => one.trim())
    .find((one) => one.startsWith(`${NAME}=`))
    ?.slice(NAME.length + 1);
  return value !== undefined && (READS.has(method) || isOurs(headers)) ? value : undefined;
}

/** The header that gives a browser its session. @param isSecure whether it came over https */
export function cookieOf(session: string, isSecure: boolean): string {
  return attributes(session, MAX_AGE_S, isSecure);
}

/** The header that has a browser forget it. */
export function noCookie(isSecure: boolean): string {
  return attributes('', 0, isSecure);
}

function attributes(value: string, maxAgeS: number, isSecure: boolean): string {
  return `${NAME}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

function isOurs(headers: FastifyRequest['headers']): boolean {
  if (headers['x-c4c-request'] === '1' || headers['sec-fetch-site'] === 'same-origin') return true;
  const { origin, host } = headers;
  if (headers['sec-fetch-site'] !== undefined || origin === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host;
}
