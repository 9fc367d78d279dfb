import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** Three domains at different prices, one of them for nothing, as many do it; and one that is closed. */
export const domains = ['one.example', 'two.example', 'free.example', 'closed.example'] as const

/** Writes a configuration whose rations and limits are never in the way of a test, and gives its path. */
export function writeConfig(directory: string, changes: Record<string, object | string> = {}): string {
  const file = join(directory, 'panda.yaml')
  const many = 1_000_000
  const [one, two, free, closed] = domains
  const config = {
    domains: [
      { name: one, basePriceSat: 1_000, pricePerCharSat: 100 },
      { name: two, basePriceSat: 21, pricePerCharSat: 7 },
      { name: free, basePriceSat: 0, pricePerCharSat: 0 },
      { name: closed, open: false },
    ],
    orders: {
      commandDeadlineSeconds: 10,
      unpaidHoldsPerAccount: many,
      unpaidHoldsPerIp: 1_000,
      unpaidHoldsTotal: many,
    },
    rations: {
      commandsPerKeyPerMinute: many,
      commandsPerIpPerMinute: many,
      decryptionsPerConnectionPerMinute: many,
      decryptionsPerIpPerMinute: many,
      decryptionsPerSecond: many,
      requestsPerIpPerMinute: many,
      postsPerIpPerMinute: many,
      refusalsPerKeyPerDay: many,
      refusalsPerIpPerDay: many,
      storedBytesPerKeyPerDay: 2 ** 40,
      storedBytesPerIpPerDay: 2 ** 40,
    },
    relay: {
      policy: 'open',
      limits: {
        connectionsPerIp: 1_000,
        subscriptionsPerIp: 100_000,
        handshakesBurst: 100_000,
        bytesBurst: 1_000_000_000,
        eventsPerSecond: 100_000,
        eventsBurst: 100_000,
        maxSubscriptions: 1_000,
      },
    },
    storage: { maxDataBytes: 2 ** 30, diskReserveBytes: 0, mapSizeBytes: 2 ** 32 },
    log: { level: 'warn' },
    ...changes,
  }
  writeFileSync(file, stringify(config))
  return file
}
