import type { NostrEvent } from '../../relay/event.ts'
import type { Signer } from '../protocol/signer.ts'
import { type Connection, openConnection } from './connection.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { createLink, type Link } from './link.ts'
import type { DialNdk } from './ndk.ts'
import type { Outbound } from './outbound.ts'
import type { Backoff } from './settings.ts'
import type { Dial } from './socket.ts'

/** Another relay: the connection to it, and what waits for it. */
export type Destination = {
  readonly key: string
  readonly link: Link
  readonly delivery: Delivery
  /** Parcels that were given up. */
  dropped: number
  /** Counts parcels that were given up. */
  drop(count: number, why: string): void
  /** What the relay last said to something that it refused, or why it could not be reached. */
  trouble: string | null
}

/** What all destinations have in common. */
export type Surroundings = {
  readonly dialNdk: DialNdk
  readonly signer: Pick<Signer, 'sign' | 'publicKey'>
  readonly outbound: Outbound
  find(eventId: string): NostrEvent | undefined
  write(change: () => void): Promise<void>
  now(): number
  readonly keepSeconds: number
  readonly okTimeoutMs: number
  onError(error: unknown): void
}

/** Makes a destination; it connects once its link is wanted. */
export function createDestination(
  key: string,
  options: {
    surroundings: Surroundings
    dial: Omit<Dial, 'fault' | 'url'>
    backoff: Backoff
    /** Between attempts to send what the relay could not take. */
    retry: Backoff
    up(connection: Connection): void
    down(reason: string): void
    /** Parcels were given up. */
    dropped(why: string): void
  },
): Destination {
  const { surroundings, dial, backoff, retry, up, down, dropped } = options
  const { dialNdk, signer, now, okTimeoutMs } = surroundings
  const link = createLink({
    open: (opened, ended) =>
      openConnection({ dialNdk, dial: { ...dial, url: key }, signer, now, okTimeoutMs, up: opened, down: ended }),
    backoff,
    up: connection => {
      delivery.wake()
      up(connection)
    },
    down: reason => {
      destination.trouble = reason
      down(reason)
    },
  })
  const delivery = createDelivery({
    ...surroundings,
    relay: key,
    connection: link.connection,
    backoff: retry,
    silent: () => link.fail('it leaves events without an answer'),
    dropped: (count, why) => destination.drop(count, why),
  })
  const destination: Destination = {
    key,
    link,
    delivery,
    dropped: 0,
    drop: (count, why) => {
      destination.dropped += count
      destination.trouble = why
      dropped(why)
    },
    trouble: null,
  }
  return destination
}
