import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/** Where IPv6 is given out to anybody. Whatever ipaddr.js does not know by name outside of it, nobody is reached at. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');

/** Looks public and is not: Azure's host answers every virtual machine there. */
const NOT_PUBLIC = ipaddr.parseCIDR('168.63.129.16/32');

/** Tells the addresses that may be connected to: public ones, and those of the networks given (such as 127.0.0.0/8). */
export function addressJudge(allow: readonly string[]): (address: string) => boolean {
  const networks = allow.map(networkOf);
  return (text) => {
    // An address with a zone is one of this machine's own links.
    if (isIP(text) === 0 || text.includes('%')) return false;
    // An IPv4 address inside an IPv6 one (::ffff:127.0.0.1) is that IPv4 address.
    const address = ipaddr.process(isIP(text) === 6 ? plain(text) : text);
    return isPublic(address) || networks.some((network) => isIn(address, network));
  };
}

/** In hexadecimal groups: ipaddr.js reads ::8.8.8.8 as 8.8.8.8, which nobody who connects does. */
function plain(ipv6: string): string {
  return new URL(`http://[${ipv6}]/`).hostname.slice(1, -1);
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast' || isIn(address, NOT_PUBLIC)) return false;
  return address.kind() === 'ipv4' || isIn(address, GLOBAL_IPV6);
}

function isIn(address: Address, network: Network): boolean {
  return address.kind() === network[0].kind() && address.match(network);
}

/** An address alone is the network of itself. */
function networkOf(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
