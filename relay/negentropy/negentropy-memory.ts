import { networkOf } from '../connection/connection-counter.ts'
import type { Limits } from '../limits.ts'
import { bytesPerItem } from './negentropy-vector.ts'

/** Counts the events that reconciliations hold in memory: in all, and for each address. */
export type NegentropyMemory = {
  /** Takes room for so many events, unless this address or all together hold too many. */
  take(ip: string, events: number): boolean
  giveBack(ip: string, events: number): void
  events(): number
}

/** Makes the count. An address may hold as many events as the largest query; IPv6 counts by /64. */
export function createNegentropyMemory(
  limits: Pick<Limits, 'maxNegentropyEvents' | 'maxNegentropyBytes'>,
): NegentropyMemory {
  const perNetwork = new Map<string, number>()
  let total = 0
  return {
    take: (ip, events) => {
      const network = networkOf(ip)
      const held = perNetwork.get(network) ?? 0
      if (held + events > limits.maxNegentropyEvents) return false
      if ((total + events) * bytesPerItem > limits.maxNegentropyBytes) return false
      perNetwork.set(network, held + events)
      total += events
      return true
    },
    giveBack: (ip, events) => {
      const network = networkOf(ip)
      const held = (perNetwork.get(network) ?? 0) - events
      if (held > 0) perNetwork.set(network, held)
      else perNetwork.delete(network)
      total -= events
    },
    events: () => total,
  }
}
