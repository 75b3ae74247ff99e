import type { FastifyRequest } from 'fastify';
import type { Config } from '#platform';

type Asked = Pick<FastifyRequest, 'headers' | 'raw'>;

/** Whether the request came over https: c4c itself speaks http, so only a proxy that is trusted can say so. */
export function isSecure({ headers }: Pick<Asked, 'headers'>, { trustProxy }: Pick<Config, 'trustProxy'>): boolean {
  return trustProxy !== undefined && lastOf(headers['x-forwarded-proto']) === 'https';
}

/** Under which address the server was asked, for links back to it. */
export function originOf(request: Asked, config: Pick<Config, 'trustProxy'>): string {
  const { headers, raw } = request;
  const forwarded = config.trustProxy === undefined ? undefined : lastOf(headers['x-forwarded-host']);
  const host = [forwarded, headers.host].find((one) => one !== undefined && HOST.test(one));
  return `${isSecure(request, config) ? 'https' : 'http'}://${host ?? `127.0.0.1:${raw.socket.localPort ?? 80}`}`;
}

const HOST = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

function lastOf(header: string | string[] | undefined): string | undefined {
  return String(header ?? '')
    .split(',')
    .at(-1)
    ?.trim();
}
