import { once } from 'node:events';
import { createServer } from 'node:http';
import { CliError } from './cli-error.js';
import type { Health } from './connect-place.js';
import { EXIT } from './exit-codes.js';

/** Only for what runs on this machine. */
const HOST = '127.0.0.1';
const PATH = '/healthz';

/**
 * Answers a supervisor: 200 while connected, 503 while not, and how far it is.
 * @throws {CliError} other, when the port cannot be had
 */
export async function serveHealth(port: number, look: () => Health): Promise<{ close(): void }> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    if (path !== PATH) return answer(404, { error: `There is only ${PATH} here` });
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, { error: `GET ${PATH}` });
    const health = look();
    return answer(health.connected ? 200 : 503, health);
  });
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError('HEALTH_PORT', `Port ${port} cannot be listened on for --health-port: ${why}.`, EXIT.other);
  }
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
