import { createServer } from 'node:net';
import { StartError } from '#platform';

/** Looks whether the address can be listened on, before anything slow is started.
 *  @throws {StartError} */
export async function requireFreePort(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => reject(cannotListen(error, host, port)));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** The sentence for a listen that failed; any other error is returned as it is. */
export function cannotListen(error: Error, host: string, port: number): Error {
  const address = `${host}:${String(port)}`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartError(
        `${address} is in use by another program. Stop it, or choose another port: PORT=${String(port + 1)} npm start`,
      );
    case 'EACCES':
      return new StartError(`${address} may not be opened by this user. Choose a port above 1023: PORT=8787 npm start`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartError(
        `This machine has no address ${host}. Set HOST to one of its own, such as 127.0.0.1 or 0.0.0.0.`,
      );
    default:
      return error;
  }
}
