/** Bounds on everything that a stranger can send or take up. Times in the unit of their names. */
export type Limits = { readonly [Name in keyof typeof defaultLimits]: number }

/** What a relay on the open internet does well with; an operator may change each. */
export const defaultLimits = {
  maxMessageBytes: 131_072,
  maxEventBytes: 65_536,
  maxTags: 2_000,
  maxTagValueLength: 1_024,
  maxSubscriptions: 64,
  /** Of all connections of an address: each may have to be told of every event. */
  subscriptionsPerIp: 400,
  /** Values in the filters of all subscriptions of a connection; a filter counts as 32 more, and a long value as several. */
  maxSubscribedValues: 10_000,
  maxFilters: 20,
  maxFilterValues: 1_000,
  maxFilterTagKeys: 3,
  maxLimit: 500,
  /** Events that a COUNT counts; of more it says that there are about so many. */
  maxCounted: 1_000_000,
  createdAtAheadSeconds: 900,
  createdAtBehindSeconds: 3 * 365 * 86_400,
  ephemeralBehindSeconds: 60,
  connectionsPerIp: 20,
  /** Of an address, and so many at once. */
  handshakesPerMinute: 120,
  handshakesBurst: 120,
  maxConnections: 20_000,
  /** A large event counts as several: one more for each 2 KiB (512 bytes of a searched kind) or each 20 tags, whichever is more. */
  eventsPerSecond: 200,
  eventsBurst: 2_000,
  requestsPerSecond: 100,
  requestsBurst: 1_000,
  /** Of work, without the time that a client takes to read: a query that takes longer is given up. */
  querySeconds: 10,
  /** A filter without ids, authors and tags may ask for so many events, which is for all that there are ... */
  maxBroadLimit: 1_000_000_000,
  /** ... or for those of so long a time. */
  maxBroadSeconds: 7_200,
  /** Read from a connection; what is more waits with the client. */
  bytesPerSecond: 1_024_576,
  bytesBurst: 16_777_216,
  /** Ids of so many events are held for a reconciliation (NIP-77), and for all of those of an address; each takes 41 bytes. */
  maxNegentropyEvents: 1_000_000,
  /** For the reconciliations of all clients. */
  maxNegentropyBytes: 268_435_456,
  /** Without a message for so long, and up to `pingSeconds` more, a reconciliation is closed. */
  negentropyIdleSeconds: 30,
  /** Messages that are not even understood, and false signatures, at once and then one a second, before a connection is closed. */
  maxBadMessages: 20,
  /** Events that wait for the disk, in bytes; beyond this the relay is too busy for more. */
  maxPendingBytes: 67_108_864,
  /** For events read or written lately; memory is taken as it fills. */
  recordCacheBytes: 33_554_432,
  pingSeconds: 30,
  /** Without a message and a subscription for so long, and up to `pingSeconds` more, a connection is closed. */
  idleSeconds: 600,
  pauseAtBytes: 1_048_576,
  terminateAtBytes: 33_554_432,
  drainSeconds: 60,
  /** Of all connections: beyond this, those that are furthest behind are ended. */
  maxUnreadBytes: 268_435_456,
  authWindowSeconds: 600,
}
