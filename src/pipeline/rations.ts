import type { Origin } from '../../relay/host.ts'
import { createRation, type Ration } from './ration.ts'

/** How much of the service a stranger may use. An address is an IPv4 address or an IPv6 /64. */
export type Rations = {
  /** By HTTP, other than lookups of names. */
  readonly requestsPerIp: Ration
  /** Events by HTTP, before their signature is looked at; websockets have the relay's own limit. */
  readonly postsPerIp: Ration
  readonly commandsPerKey: Ration
  readonly commandsPerIp: Ration
  /** Commands refused with a result, which is remembered: as long as these are used up, no more commands are taken. */
  readonly refusalsPerKey: Ration
  readonly refusalsPerIp: Ration
  /** First decryptions for a key, which cost an ECDH each. */
  readonly decryptionsPerConnection: Ration<Origin>
  readonly decryptionsPerIp: Ration
  readonly decryptionsInTotal: Ration
  /** Ordinary events to be stored, in bytes. */
  readonly storedBytesPerKey: Ration
  readonly storedBytesPerIp: Ration
}

/** How much a stranger may use, as the configuration has it. */
type RationLimits = {
  readonly requestsPerIpPerMinute: number
  readonly postsPerIpPerMinute: number
  readonly commandsPerKeyPerMinute: number
  readonly commandsPerIpPerMinute: number
  readonly refusalsPerKeyPerDay: number
  readonly refusalsPerIpPerDay: number
  readonly decryptionsPerConnectionPerMinute: number
  readonly decryptionsPerIpPerMinute: number
  readonly decryptionsPerSecond: number
  readonly storedBytesPerKeyPerDay: number
  readonly storedBytesPerIpPerDay: number
}

const secondsPerDay = 86_400

/**
 * Makes the rations. Half a minute's worth may be used at once, or a day's. `nowMs` is monotonic; `refused` hears of each
 * time that one was used up.
 */
export function createRations(
  limits: RationLimits,
  nowMs: () => number,
  refused: (ration: keyof Rations) => void = () => undefined,
): Rations {
  const watched = <Key>(name: keyof Rations, ration: Ration<Key>): Ration<Key> => {
    return (key, cost) => {
      const given = ration(key, cost)
      if (!given) refused(name)
      return given
    }
  }
  const perMinute = (count: number) =>
    createRation({ perSecond: count / 60, burst: Math.max(1, Math.ceil(count / 2)), nowMs })
  const perDay = (count: number) => createRation({ perSecond: count / secondsPerDay, burst: count, nowMs })
  return {
    requestsPerIp: watched('requestsPerIp', perMinute(limits.requestsPerIpPerMinute)),
    postsPerIp: watched('postsPerIp', perMinute(limits.postsPerIpPerMinute)),
    commandsPerKey: watched('commandsPerKey', perMinute(limits.commandsPerKeyPerMinute)),
    commandsPerIp: watched('commandsPerIp', perMinute(limits.commandsPerIpPerMinute)),
    refusalsPerKey: watched('refusalsPerKey', perDay(limits.refusalsPerKeyPerDay)),
    refusalsPerIp: watched('refusalsPerIp', perDay(limits.refusalsPerIpPerDay)),
    decryptionsPerConnection: watched(
      'decryptionsPerConnection',
      perConnection(() => perMinute(limits.decryptionsPerConnectionPerMinute)),
    ),
    decryptionsPerIp: watched('decryptionsPerIp', perMinute(limits.decryptionsPerIpPerMinute)),
    decryptionsInTotal: watched(
      'decryptionsInTotal',
      createRation({ perSecond: limits.decryptionsPerSecond, burst: limits.decryptionsPerSecond, nowMs }),
    ),
    storedBytesPerKey: watched('storedBytesPerKey', perDay(limits.storedBytesPerKeyPerDay)),
    storedBytesPerIp: watched('storedBytesPerIp', perDay(limits.storedBytesPerIpPerDay)),
  }
}

/** A ration for each connection, which goes when the connection does. */
function perConnection(create: () => Ration): Ration<Origin> {
  const rations = new WeakMap<Origin, Ration>()
  return (origin, cost) => {
    const ration = rations.get(origin) ?? create()
    rations.set(origin, ration)
    return ration('', cost)
  }
}
