import { once } from 'node:events';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import tls from 'node:tls';
import type { Doors } from './doors.js';
import { EgressFailure } from './failure.js';
import type { Target } from './target.js';

/** How long each step of a new connection took, in milliseconds; null for a step that was not needed or not reached. */
export type ConnectTimings = { dnsMs: number | null; connectMs: number | null; tlsMs: number | null };

export type ConnectOptions = {
  doors: Doors;
  isAllowed: (address: string) => boolean;
  onUnresolved: OnUnresolved;
  /** Ends whatever step is under way. */
  signal: AbortSignal;
  /** Filled step by step, so that a failure shows how far it came. */
  timings: ConnectTimings;
};

/** Hears why a name leads nowhere: `why` is the address behind it that is not public, or what DNS said. */
export type OnUnresolved = (found: { host: string; why: string; isForbidden: boolean }) => void;

/**
 * Connects to a target if every address of its name may be connected to, and holds the peer to it once more when it is there.
 * What is connected to are the addresses that were looked at; nobody asks a second time.
 * Whoever asked is not told whether a name has an address that is not public or none: it would tell which names this network knows.
 * @throws {EgressFailure} dns, forbidden-address (of an address that the URL spells out), connect, tls, timeout
 */
export async function guardedConnect(target: Omit<Target, 'path'>, options: ConnectOptions): Promise<Socket> {
  const { doors, isAllowed, onUnresolved, signal, timings } = options;
  const addresses = await timed(timings, 'dnsMs', () => addressesOf(target.host, doors, signal, onUnresolved));
  for (const address of addresses) if (!isAllowed(address)) throw forbidden(target.host, address, onUnresolved);
  const socket = await timed(timings, 'connectMs', () =>
    opened(
      doors.connect({ host: target.host, port: target.port, lookup: lookupOf(addresses), autoSelectFamily: true }),
      'connect',
      signal,
    ),
  );
  if (!isAllowed(socket.remoteAddress ?? '')) {
    socket.destroy();
    throw forbidden(target.host, socket.remoteAddress ?? 'nowhere', onUnresolved);
  }
  socket.setNoDelay(true);
  if (!target.isTls) return socket;
  return timed(timings, 'tlsMs', () => {
    const secured = tls.connect({
      socket,
      host: target.host,
      servername: isIP(target.host) === 0 ? target.host : '',
      ALPNProtocols: ['http/1.1'],
      ...(doors.authorities === undefined ? {} : { ca: [...tls.rootCertificates, ...doors.authorities] }),
    });
    return opened(secured, 'secureConnect', signal);
  });
}

function forbidden(host: string, address: string, onUnresolved: OnUnresolved): EgressFailure {
  if (isIP(host) !== 0) return new EgressFailure('forbidden-address', `${host} is no public address`);
  onUnresolved({ host, why: address, isForbidden: true });
  return unresolved(host);
}

function unresolved(host: string): EgressFailure {
  return new EgressFailure('dns', `${host} has no public address, or DNS did not tell`);
}

async function addressesOf(
  host: string,
  doors: Doors,
  signal: AbortSignal,
  onUnresolved: OnUnresolved,
): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const answer = doors.resolve(host).catch((error: NodeJS.ErrnoException) => {
    onUnresolved({ host, why: error.code ?? error.message, isForbidden: false });
    throw unresolved(host);
  });
  // The look-up itself cannot be called off; its own limits end it.
  answer.catch(() => undefined);
  const addresses = await Promise.race([answer, ended(signal)]);
  if (addresses.length === 0) throw unresolved(host);
  return addresses;
}

/** Answers with these addresses, whatever is asked. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const records = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, _options, callback) => callback(null, records);
}

async function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    if (signal.aborted) throw signal.reason;
    const { code, message } = error as NodeJS.ErrnoException;
    throw event === 'connect'
      ? new EgressFailure('connect', `no connection (${code ?? message})`)
      : new EgressFailure('tls', `no trusted connection (${code ?? message})`);
  }
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

async function timed<T>(timings: ConnectTimings, step: keyof ConnectTimings, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    timings[step] = milliseconds(performance.now() - startedAt);
  }
}

/** To the hundredth: what a clock can tell and a person can read. */
export function milliseconds(value: number): number {
  return Math.round(value * 100) / 100;
}
