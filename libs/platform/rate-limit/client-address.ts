import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Whose `X-Forwarded-For` is believed: the last so many proxies, or those in these networks. Nobody's when undefined. */
export type TrustProxy = { readonly hops: number } | { readonly networks: readonly string[] } | undefined;

/** What tells where a request comes from. */
export type Origin = {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
};
export type AddressReader = (request: Origin) => string;

/**
 * Reads the address that a request is counted under: the peer's, or the one that a trusted proxy names. Only the entries
 * that trusted proxies have added count, from the right; what stands left of them, anybody can invent. An IPv6 address
 * stands for its /64, which is what one customer has.
 */
export function addressReader(trust: TrustProxy): AddressReader {
  const isTrusted = trustedBy(trust);
  return (request) => {
    let address = request.socket.remoteAddress ?? '';
    if (isTrusted === undefined) return networkOf(address);
    const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',');
    for (let hop = 0; hop < forwarded.length && isTrusted(address, hop); hop += 1) {
      const named = forwarded[forwarded.length - 1 - hop]?.trim() ?? '';
      if (isIP(named) === 0) break;
      address = named;
    }
    return networkOf(address);
  };
}

/** Whether the text is an address or a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

function trustedBy(trust: TrustProxy): ((address: string, hop: number) => boolean) | undefined {
  if (trust === undefined) return undefined;
  if ('hops' in trust) return (_address, hop) => hop < trust.hops;
  const networks = new BlockList();
  for (const text of trust.networks) {
    const [address = '', length] = text.split('/');
    const type = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    networks.addSubnet(address, length === undefined ? (type === 'ipv4' ? 32 : 128) : Number(length), type);
  }
  return (address) => {
    const plain = unmapped(address);
    const version = isIP(plain);
    return version !== 0 && networks.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function networkOf(address: string): string {
  const plain = unmapped(address);
  return isIP(plain) === 6 ? `${firstGroups(plain)}::/64` : plain;
}

/** An IPv4 peer of a socket that listens on both comes as ::ffff:192.0.2.1. */
function unmapped(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}

function firstGroups(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // A tail may end in an IPv4 address, which is two groups; none of the first four lies there.
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(missing).fill('0'), ...after];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
