import { resolveIdentity } from '../domain/identifiers/resolve.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'

/** What a host says about a name; `found` is `null` when there is no such name. */
export type Nip05Answer = {
  readonly known: boolean
  readonly found: { readonly name: string; readonly publicKey: string; readonly relays: readonly string[] } | null
  readonly ttlSeconds: number
}

const unknownHost: Nip05Answer = { known: false, found: null, ttlSeconds: 0 }

const maxHostLength = 253

/** Makes the look-up of names by host. `_` is the service itself; a name that gives no relays is found on ours. */
export function createNip05Resolver(options: {
  reader: Reader
  servicePublicKey: string
  websocketUrl: string
}): (host: string, name: string | null) => Nip05Answer {
  const { reader, servicePublicKey, websocketUrl } = options
  const ours = [websocketUrl]
  return (host, name) => {
    // The Host header is a stranger's, and longer than any key may be.
    const domain = host.length > maxHostLength ? undefined : reader.get(tables.domains, [host])
    if (domain === undefined) return unknownHost
    const { ttlSeconds } = domain
    if (name === null || name === '_') {
      return { known: true, found: { name: '_', publicKey: servicePublicKey, relays: ours }, ttlSeconds }
    }
    const identity = name === '' ? null : resolveIdentity(reader, { name, domain: host })
    if (identity === null) return { known: true, found: null, ttlSeconds }
    const { publicKey, relays } = identity
    const found = { name, publicKey, relays: relays.length > 0 ? relays : ours }
    return { known: true, found, ttlSeconds: identity.ttlSeconds }
  }
}
