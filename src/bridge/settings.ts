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

/** The time between attempts doubles from the first to the last of these. */
export type Backoff = { readonly firstMs: number; readonly maxMs: number }

/** Times that only tests change. */
export type BridgePace = {
  /** Connecting to the operator's relays: they are few, and a command that waits there may be in a hurry. */
  readonly operator: Backoff
  /** Connecting to the relays of customers, and sending them what they could not take. */
  readonly customer: Backoff
  /** Sending the operator's relays what they could not take. */
  readonly retry: Backoff
  readonly okTimeoutMs: number
  readonly idleMs: number
  readonly lookMs: number
  readonly tidyMs: number
  readonly holdMs: number
  /** How long a relay that was away has to work before that is told. */
  readonly steadyMs: number
}

export const usualPace: BridgePace = {
  operator: { firstMs: 1_000, maxMs: 12_000 },
  customer: { firstMs: 10_000, maxMs: 3_600_000 },
  retry: { firstMs: 1_000, maxMs: 300_000 },
  okTimeoutMs: 10_000,
  idleMs: 30_000,
  lookMs: 1_000,
  tidyMs: 60_000,
  holdMs: 5_000,
  steadyMs: 30_000,
}

/** Whether results and notices go to the relays that customers name: by default when there are others already. */
export function reachesCustomers({ relays, customerRelays }: BridgeConfig): boolean {
  return customerRelays === 'always' || (customerRelays === 'auto' && relays.length > 0)
}

/** Whether there is anything to bridge. */
export function isBridging(config: BridgeConfig): boolean {
  return config.relays.length > 0 || reachesCustomers(config)
}
