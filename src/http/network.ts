import { isIP, SocketAddress } from 'node:net'

/** An address or CIDR network in its parts, or `null`. A single address is a network of its own. */
export function parseNetwork(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | null {
  const [addressText = '', prefixText, ...more] = text.split('/')
  const address = normalizeAddress(addressText)
  if (address === null || more.length > 0) return null
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const bits = family === 'ipv6' ? 128 : 32
  if (prefixText === undefined) return { address, prefix: bits, family }
  // `::ffff:10.0.0.0/104` would mean another network once the address is taken for IPv4.
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > bits || addressText.includes(':') !== (family === 'ipv6')) {
    return null
  }
  return { address, prefix: Number(prefixText), family }
}

/** One spelling per address: IPv6 compressed and in lower case, without zone; an IPv4 address inside IPv6 as IPv4. */
export function normalizeAddress(text: string): string | null {
  const zone = text.indexOf('%')
  const address = zone === -1 ? text : text.slice(0, zone)
  const family = isIP(address)
  if (family === 0) return null
  if (family === 4) return address
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address
  const embedded = canonical.startsWith('::ffff:') ? canonical.slice(7) : ''
  return isIP(embedded) === 4 ? embedded : canonical
}
