import type { NostrEvent, VerifiedEvent } from './event.ts'

/** Where an event came from. */
export type Origin = {
  /** Whether a client sent it, or we fetched it: from a file, by synchronisation, or from a relay that we follow. */
  readonly source: 'client' | 'import' | 'sync' | 'bridge'
  /** The peer's address; behind a listed proxy, the address it reports. Of what we fetched, the relay's URL or the file. */
  readonly ip: string
  /** Keys that have authenticated on the connection (NIP-42); empty over HTTP. */
  readonly authenticated: ReadonlySet<string>
}

/** What the host did with an event inside the write transaction. */
export type Applied = {
  /** The first two fields of the OK message; `message` carries a NIP-01 prefix when not empty. */
  readonly accepted: boolean
  readonly message: string
  /** Events to index and, once durable, to deliver to live subscriptions. Deletion and expiry rules do not apply to them. */
  readonly store: readonly NostrEvent[]
  /** The same, but only until their `expiration` (NIP-40). */
  readonly storeUntilExpired?: readonly NostrEvent[]
  /** Events to deliver to live subscriptions once the transaction is durable, and to keep nowhere. */
  readonly deliver: readonly NostrEvent[]
  /** Called once the transaction is durable, before the OK is sent. */
  readonly committed?: () => void
}

/** The host's word on an event that has a valid signature. */
export type Admission =
  /** An ordinary event: store it, or deliver it if it is ephemeral, by the rules of the NIPs. */
  | {
      readonly kind: 'store'
      /** Takes what it will cost from whoever sends it, once nothing else is against it; or why it is refused, as above. */
      readonly charge?: () => string | null
    }
  /** `OK false` with this message (NIP-01 prefix included). `auth-required:` makes the relay send its challenge too. */
  | { readonly kind: 'refuse'; readonly message: string }
  /**
   * The host's own: run in the writer's next transaction, ahead of ordinary events. It may run again, after what it wrote
   * is undone, when something written beside it fails.
   */
  | { readonly kind: 'apply'; readonly apply: () => Applied }
  /** Answered without writing anything: `OK true`, and these ephemeral events are delivered at once. */
  | { readonly kind: 'answer'; readonly deliver: readonly NostrEvent[] }

/** Says of an event whether it is the application's, so that nobody else may remove it. */
export type IsProtected = (event: {
  readonly kind: number
  readonly pubkey: string
  /** Whether a `p` tag names this key. */
  isFor(pubkey: string): boolean
}) => boolean

/**
 * What an application adds to the relay. A relay without an application uses `openHost`.
 * No method may do I/O other than reading the environment, and none returns a promise.
 */
export interface Host {
  /** Whether the event may come in, and whose it is. Called once per event, after its signature was verified. */
  admit(event: VerifiedEvent, origin: Origin): Admission
  /**
   * The answer to an event that the host has already dealt with, or `undefined`.
   * Asked before the signature is verified, beside the relay's own duplicate check.
   */
  known(event: Pick<NostrEvent, 'id' | 'kind'>): { readonly accepted: boolean; readonly message: string } | undefined
  /** Kinds that only their author and the keys in their `p` tags may read (NIP-42). */
  readonly restrictedKinds: ReadonlySet<number>
  /** Kinds that everybody may ask for where only members may read (NIP-43); none unless it is said. */
  readonly openKinds?: ReadonlySet<number>
  /** Whether this event may never be removed or hidden on a client's word (deletion, vanish, expiration). */
  readonly isProtected: IsProtected
  /** Whether a key belongs to a member, for policies that let only members write. Without it nobody is one. */
  isMember?(pubkey: string): boolean
  /** Whether a key is no stranger's, for policies that ask more of strangers. Without it all are strangers. */
  isKnown?(pubkey: string): boolean
}
