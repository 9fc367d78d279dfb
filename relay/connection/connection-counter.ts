/** Counts connections, in total and per address. */
export type ConnectionCounter = {
  /** Counts one in, or says with which HTTP status it is refused. */
  enter(ip: string): string | null
  leave(ip: string): void
}

/** Makes the counter. Addresses of IPv6 count by /64, which is what one customer is given. */
export function createConnectionCounter(limits: {
  maxConnections: number
  connectionsPerIp: number
}): ConnectionCounter {
  const perNetwork = new Map<string, number>()
  let total = 0
  return {
    enter: ip => {
      const network = networkOf(ip)
      const count = perNetwork.get(network) ?? 0
      if (count >= limits.connectionsPerIp) return '429 Too Many Requests'
      if (total >= limits.maxConnections) return '503 Service Unavailable'
      perNetwork.set(network, count + 1)
      total++
      return null
    },
    leave: ip => {
      const network = networkOf(ip)
      const count = perNetwork.get(network) ?? 0
      if (count <= 1) perNetwork.delete(network)
      else perNetwork.set(network, count - 1)
      total--
    },
  }
}

/** An IPv4 address as it is; of an IPv6 address its first four groups. */
export function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip
  if (ip.includes('.')) return ip.slice(ip.lastIndexOf(':') + 1)
  const [head = '', tail] = ip.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right].map(group => group.replace(/^0+(?=.)/, ''))
  return `${groups.slice(0, 4).join(':')}::/64`
}
