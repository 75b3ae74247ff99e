import { isIP } from 'node:net';
import type { EgressSettings } from './settings.js';

/** A URL that may be connected to, as far as its text tells. */
export type Target = {
  origin: string;
  /** Path and query. */
  path: string;
  /** A name in lower case, or an address without brackets. */
  host: string;
  port: number;
  isTls: boolean;
};

const URL_LENGTH_MAX = 2_048;

/**
 * Reads a URL as the connection will: all spellings of an address (0x7f.1, 2130706433, [::ffff:7f00:1]) come out as one.
 * @returns the target, or a sentence about the URL that starts with "must"
 */
export function readTarget(
  text: string,
  settings: EgressSettings,
  isAllowed: (address: string) => boolean,
): Target | string {
  if (text.length > URL_LENGTH_MAX) return `must have at most ${URL_LENGTH_MAX} characters`;
  // The parser would drop or turn some of these silently, and two readers would see two hosts.
  if (/[\s\\\p{Cc}]/u.test(text)) return 'must not contain spaces, backslashes or control characters';
  if (!URL.canParse(text)) return 'must be a URL such as https://example.com/hook';
  const url = new URL(text);
  if (url.href.length > URL_LENGTH_MAX)
    return `must have at most ${URL_LENGTH_MAX} characters, with %XX for special ones`;
  const isTls = url.protocol === 'https:';
  if (!isTls && url.protocol !== 'http:') return 'must be a URL such as https://example.com/hook';
  if (!isTls && settings.isHttpsOnly) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not contain a user or a password';
  if (url.hash !== '') return 'must not contain a fragment (#…)';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host.endsWith('.')) return 'must name its host without a dot at the end';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  if (!settings.ports.some(({ from, to }) => port >= from && port <= to)) return `must not name port ${port}`;
  if (isIP(host) !== 0 && !isAllowed(host)) return `must not name ${host}, which is no public address`;
  return { origin: url.origin, path: `${url.pathname}${url.search}`, host, port, isTls };
}
