import request, { type Test } from 'supertest';
import { expectMatchesOpenApi } from './openapi.js';

type Target = string | { getHttpServer(): unknown };

/** HTTP calls as one principal. Every answer is held to openapi.yaml before the test sees it. */
export type Api = {
  /** The same server with this key in X-API-Key. */
  as(key: string): Api;
  get(path: string): Test;
  post(path: string, body?: unknown): Test;
  put(path: string, body?: unknown): Test;
  patch(path: string, body?: unknown): Test;
  delete(path: string): Test;
};

/** Where all paths of the API begin; a path that starts with `//` is taken from the root of the server instead. */
export const BASE = '/openapi/v1';

/**
 * Calls a running server (by its address) or a Nest application. `api(app).as(key).post('/agent/me/status').send({...})`.
 */
export function api(target: Target, key?: string): Api {
  // An address, or Node's HTTP server, which is all that supertest asks for.
  const server = (typeof target === 'string' ? target : target.getHttpServer()) as Parameters<typeof request>[0];
  const call = (method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string, body?: unknown): Test => {
    const url = path.startsWith('//') ? path.slice(1) : `${BASE}${path}`;
    const test = request(server)[method](url);
    if (key !== undefined) test.set('X-API-Key', key);
    if (body !== undefined) test.send(body as object);
    return test.expect(({ status, headers, body: answer }) =>
      expectMatchesOpenApi({ method, path: url }, { status, headers: headers, body: answer }),
    );
  };
  return {
    as: (other) => api(target, other),
    get: (path) => call('get', path),
    post: (path, body) => call('post', path, body),
    put: (path, body) => call('put', path, body),
    patch: (path, body) => call('patch', path, body),
    delete: (path) => call('delete', path),
  };
}
