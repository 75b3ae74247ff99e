import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux (32,768 and up) and macOS (49,152 and up) give to whoever asks for any. */
const FROM = 20_000;
const TO = 32_000;

/**
 * A port of loopback that nobody listens on, and that no connection or other test's server is given by the system meanwhile:
 * for a server that starts later, or comes back where it was.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FROM + Math.floor(Math.random() * (TO - FROM));
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
