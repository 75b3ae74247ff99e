import { Resolver } from 'node:dns/promises';
import net from 'node:net';

/** How the outside is reached. Tests put resolvers and networks of their own in their place. */
export type Doors = {
  /** All addresses of a name. @throws when there are none */
  resolve(host: string): Promise<string[]>;
  connect(options: net.TcpNetConnectOpts): net.Socket;
  /** Authorities trusted beside Node's own. */
  authorities?: string[];
};

const DNS_TRY_MS = 2_000;
const DNS_TRIES = 2;

/**
 * Asks DNS itself and not the operating system: a slow name server then holds up nobody else's look-up, as it would the
 * four threads of getaddrinfo. Of the names that only this machine knows, localhost alone is known.
 */
export function realDoors(): Doors {
  const resolver = new Resolver({ timeout: DNS_TRY_MS, tries: DNS_TRIES });
  return {
    async resolve(host) {
      if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
      const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return addresses;
      throw answers[0].status === 'rejected' ? answers[0].reason : new Error('no address');
    },
    connect: (options) => net.connect(options),
  };
}
