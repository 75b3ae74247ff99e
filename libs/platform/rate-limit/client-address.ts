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

/** Whether the text is an address or a network such as 10.0.0.0/8. A zone says nothing on another machine, and a length such as
 *  08 means eight to one reader and nothing to another, so neither is taken. */
export function isNetwork(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  return length === undefined || (/^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
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
  return isIP(plain) === 6 ? `${textOf(groupsOf(plain).slice(0, 4))}::/64` : plain;
}

/** An IPv4 peer of a socket that listens on both comes as ::ffff:192.0.2.1; a proxy may write it as ::ffff:c000:201. */
function unmapped(address: string): string {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (dotted !== undefined || isIP(address) !== 6) return dotted ?? address;
  const [a, b, c, d, e, mark, high = 0, low = 0] = groupsOf(address);
  if ([a, b, c, d, e].some((group) => group !== 0) || mark !== 0xffff) return address;
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight numbers of an IPv6 address, whichever way it is written. */
function groupsOf(address: string): number[] {
  const [head = [], tail = []] = (address.split('%')[0] ?? '').split('::').map(groupsIn);
  const missing = new Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...missing, ...tail];
}

/** An IPv4 address at the end is two groups. */
function groupsIn(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function textOf(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}
