import { BlockList, isIP } from 'node:net'
import { normalizeAddress, parseNetwork } from './network.ts'

/** What of a request says where it came from; node's IncomingMessage fits. */
export type Peer = {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** Stands for an address that is not known: all such requests share one quota. */
const unknownAddress = 'unknown'

/** Whether an address is one of those listed (addresses or CIDR networks). Throws on an entry that is no address. */
export function createAddressList(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const entry of entries) {
    const network = parseNetwork(entry)
    if (network === null) throw new RangeError('a list of addresses has IP addresses and CIDR networks')
    list.addSubnet(network.address, network.prefix, network.family)
  }
  return address => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * The address of a request's sender. `X-Forwarded-For` counts only from a listed proxy: read from the right, the
 * first address that is not itself a listed proxy.
 */
export function createClientIp(isProxy: (address: string) => boolean): (request: Peer | undefined) => string {
  return request => {
    const peer = normalizeAddress(request?.socket.remoteAddress ?? '')
    if (peer === null || !isProxy(peer)) return peer ?? unknownAddress
    let nearest = peer
    for (const address of forwardedHops(request)) {
      // A hop that is no address ends what can be believed: everything to its left may be made up.
      if (address === null) return nearest
      if (!isProxy(address)) return address
      nearest = address
    }
    return nearest
  }
}

/** The addresses of `X-Forwarded-For`, the nearest first, read one by one: a client may send many. `null` for what is none. */
export function* forwardedHops(request: Peer | undefined): Generator<string | null> {
  const header = request?.headers['x-forwarded-for'] ?? ''
  const hops = (typeof header === 'string' ? header : header.join(',')).split(',')
  for (let index = hops.length - 1; index >= 0; index--) {
    yield normalizeAddress(withoutPort((hops[index] ?? '').trim()))
  }
}

/** Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    return end === -1 ? text : text.slice(1, end)
  }
  const colon = text.indexOf(':')
  return colon !== -1 && colon === text.lastIndexOf(':') ? text.slice(0, colon) : text
}
