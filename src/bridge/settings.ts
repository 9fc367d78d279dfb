/** What an operator settles about other relays. */
export type BridgeConfig = {
  readonly relays: readonly { readonly url: string; readonly read: boolean; readonly write: boolean }[]
  readonly customerRelays: 'auto' | 'always' | 'never'
  readonly relaysPerCustomer: number
  readonly maxCustomerRelays: number
  readonly privateCustomerRelays: boolean
  readonly eventsPerCustomerPerHour: number
  readonly keepSeconds: number
  readonly maxQueued: number
  readonly maxQueuedPerCustomerRelay: number
  readonly commandsPerRelayPerMinute: number
  readonly answersPerDay: number
  readonly answersPerKeyPerDay: number
  readonly bytesPerSecond: number
}

/** Times that only tests change. */
export type BridgePace = {
  readonly operator: { readonly firstMs: number; readonly maxMs: number }
  readonly customer: { readonly firstMs: number; readonly maxMs: number }
  readonly okTimeoutMs: number
  readonly idleMs: number
  readonly lookMs: number
  readonly tidyMs: number
  readonly holdMs: number
}

export const usualPace: BridgePace = {
  operator: { firstMs: 1_000, maxMs: 300_000 },
  customer: { firstMs: 10_000, maxMs: 3_600_000 },
  okTimeoutMs: 10_000,
  idleMs: 30_000,
  lookMs: 1_000,
  tidyMs: 60_000,
  holdMs: 5_000,
}

/** Whether results and notices go to the relays that customers name: by default when there are others already. */
export function reachesCustomers({ relays, customerRelays }: BridgeConfig): boolean {
  return customerRelays === 'always' || (customerRelays === 'auto' && relays.length > 0)
}

/** Whether there is anything to bridge. */
export function isBridging(config: BridgeConfig): boolean {
  return config.relays.length > 0 || reachesCustomers(config)
}
