import { BlockList, isIP } from 'node:net'

/** What is not the open internet in IPv4: own, private, carrier's, link-local, documentation, multicast, reserved (RFC 6890). */
const special4 = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special4.addSubnet(network, prefix, 'ipv4')
}

/** Global unicast in IPv6; addresses that carry an IPv4 address inside are not in it, but for those taken out below. */
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
const special6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23], // Teredo and other protocols of the IETF
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, with any IPv4 address inside
  ['3fff::', 20], // documentation
] as const) {
  special6.addSubnet(network, prefix, 'ipv6')
}

/** Whether an IP address belongs to the open internet; anything that is no plain address does not. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false
  const family = isIP(address)
  if (family === 4) return !special4.check(address, 'ipv4')
  return family === 6 && global6.check(address, 'ipv6') && !special6.check(address, 'ipv6')
}
