import { createBucket } from '../connection/bucket.ts'
import { networkOf } from '../connection/connection-counter.ts'
import type { Origin } from '../host.ts'
import { createBuckets } from './buckets.ts'
import type { Policy } from './policy.ts'

/** So many a minute, and `burst` of them at once. `nowMs` is monotonic. */
export type Rate = { readonly perMinute: number; readonly burst: number; readonly nowMs?: (() => number) | undefined }

/** Events of a key, whoever sends them. */
export function limitRatePerKey(rate: Rate): Policy {
  const take = createBuckets(bucketOf(rate))
  return fromClients(event => (take(event.pubkey) ? null : 'rate-limited: too many events of this key, slow down'))
}

/** Events from an IPv4 address or an IPv6 /64. */
export function limitRatePerIp(rate: Rate): Policy {
  const take = createBuckets(bucketOf(rate))
  return fromClients((_event, { ip }) =>
    take(networkOf(ip)) ? null : 'rate-limited: too many events from this address, slow down',
  )
}

/** Events on a connection. Each HTTP request is one of its own. */
export function limitRatePerConnection(rate: Rate): Policy {
  const buckets = new WeakMap<Origin, () => boolean>()
  return fromClients((_event, origin) => {
    let take = buckets.get(origin)
    if (take === undefined) {
      take = createBucket(bucketOf(rate))
      buckets.set(origin, take)
    }
    return take() ? null : 'rate-limited: too many events on this connection, slow down'
  })
}

/** What the operator imports or fetches from other relays comes as fast as it can. */
function fromClients(policy: Policy): Policy {
  return (event, origin) => (origin.source === 'client' ? policy(event, origin) : null)
}

function bucketOf({ perMinute, burst, nowMs }: Rate) {
  return { perSecond: perMinute / 60, burst, ...(nowMs === undefined ? {} : { nowMs }) }
}
