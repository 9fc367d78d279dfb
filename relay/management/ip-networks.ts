import { BlockList, isIP, SocketAddress } from 'node:net'

/** A network as it is written down, one spelling for each, and in its parts. */
export type IpNetwork = {
  readonly text: string
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** Broader ones would be a slip of the finger. */
const broadest = { ipv4: 8, ipv6: 16 } as const

/** An address or a CIDR network, or `null`. An IPv6 address alone stands for its /64, which is what one customer is given. */
export function parseIpNetwork(text: string): IpNetwork | null {
  const [, addressText = '', prefixText] = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = canonical(addressText)
  if (address === null) return null
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const bits = family === 'ipv6' ? 128 : 32
  const usual = family === 'ipv6' ? 64 : 32
  // `::ffff:10.0.0.0/104` would mean another network once the address is taken for IPv4.
  if (prefixText !== undefined && addressText.includes(':') !== (family === 'ipv6')) return null
  const prefix = prefixText === undefined ? usual : Number(prefixText)
  if (prefix > bits || prefix < broadest[family]) return null
  const first = firstAddress(address, prefix, family)
  return { text: prefix === 32 && family === 'ipv4' ? first : `${first}/${prefix}`, address: first, prefix, family }
}

/** Makes the test whether an address is in one of some networks. */
export function createIpTest(networks: Iterable<string>): (ip: string) => boolean {
  // In one list, IPv6 networks around `::` would take in all of IPv4, which is mapped into them.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  let isAny = false
  for (const text of networks) {
    const network = parseIpNetwork(text)
    if (network === null) continue
    lists[network.family].addSubnet(network.address, network.prefix, network.family)
    isAny = true
  }
  if (!isAny) return () => false
  return ip => {
    const address = canonical(ip)
    if (address === null) return false
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    return lists[family].check(address, family)
  }
}

/** One spelling per address; an IPv4 address inside IPv6 as IPv4. */
function canonical(text: string): string | null {
  const address = text.split('%', 1)[0] ?? ''
  const family = isIP(address)
  if (family === 0) return null
  if (family === 4) return address
  const spelled = new SocketAddress({ address, family: 'ipv6' }).address
  const embedded = spelled.startsWith('::ffff:') ? spelled.slice(7) : ''
  return isIP(embedded) === 4 ? embedded : spelled
}

/** The address with all bits behind the prefix cleared, so that a network has one spelling. */
function firstAddress(address: string, prefix: number, family: IpNetwork['family']): string {
  const groupBits = family === 'ipv4' ? 8 : 16
  const groups = family === 'ipv4' ? address.split('.').map(Number) : groupsOf(address)
  const kept = groups.map((group, index) => {
    const bits = Math.min(groupBits, Math.max(0, prefix - index * groupBits))
    return group & ~(2 ** (groupBits - bits) - 1)
  })
  if (family === 'ipv4') return kept.join('.')
  return canonical(kept.map(group => group.toString(16)).join(':')) ?? address
}

/** The eight groups of an IPv6 address in its canonical spelling. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const toNumbers = (text: string) => (text === '' ? [] : text.split(':').flatMap(groupNumbers))
  const left = toNumbers(head)
  const right = toNumbers(tail ?? '')
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

/** A group, or the two that an embedded IPv4 address stands for. */
function groupNumbers(text: string): number[] {
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}
