/** Bounds on everything that a stranger can send or take up. Times in the unit of their names. */
export type Limits = { readonly [Name in keyof typeof defaultLimits]: number }

/** What a relay on the open internet does well with; an operator may change each. */
export const defaultLimits = {
  maxMessageBytes: 131_072,
  maxEventBytes: 65_536,
  maxTags: 2_000,
  maxTagValueLength: 1_024,
  maxSubscriptions: 64,
  /** Values in the filters of all subscriptions of a connection; each takes memory while it is open. */
  maxSubscribedValues: 10_000,
  maxFilters: 20,
  maxFilterValues: 1_000,
  maxFilterTagKeys: 3,
  maxLimit: 500,
  createdAtAheadSeconds: 900,
  createdAtBehindSeconds: 3 * 365 * 86_400,
  ephemeralBehindSeconds: 60,
  connectionsPerIp: 20,
  maxConnections: 20_000,
  /** A large event counts as several: one more for each 2 KiB. */
  eventsPerSecond: 200,
  eventsBurst: 2_000,
  requestsPerSecond: 100,
  requestsBurst: 1_000,
  /** Messages that are not even understood, at once and then one a second, before a connection is closed. */
  maxBadMessages: 20,
  /** Events that wait for the disk, in bytes; beyond this the relay is too busy for more. */
  maxPendingBytes: 67_108_864,
  /** For events read or written lately; memory is taken as it fills. */
  recordCacheBytes: 33_554_432,
  pingSeconds: 30,
  pauseAtBytes: 1_048_576,
  terminateAtBytes: 33_554_432,
  drainSeconds: 60,
  authWindowSeconds: 600,
}
