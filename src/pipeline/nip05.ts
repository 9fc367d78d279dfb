import { resolveIdentity } from '../domain/identifiers/resolve.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'

/** What a host says about a name, in the terms of NIP-05. */
export type Nip05Answer = {
  readonly known: boolean
  readonly names: Readonly<Record<string, string>>
  readonly relays: Readonly<Record<string, readonly string[]>>
  readonly ttlSeconds: number
}

const nobody = Object.freeze({})
const unknownHost: Nip05Answer = { known: false, names: nobody, relays: nobody, ttlSeconds: 0 }

/** Makes the look-up of names by host. `_` is the service itself; a name that gives no relays is found on ours. */
export function createNip05Resolver(options: {
  reader: Reader
  servicePublicKey: string
  websocketUrl: string
}): (host: string, name: string | null) => Nip05Answer {
  const { reader, servicePublicKey, websocketUrl } = options
  const ours = [websocketUrl]
  return (host, name) => {
    const domain = reader.get(tables.domains, [host])
    if (domain === undefined) return unknownHost
    const { ttlSeconds } = domain
    if (name === null || name === '_') {
      return { known: true, names: { _: servicePublicKey }, relays: { [servicePublicKey]: ours }, ttlSeconds }
    }
    const identity = name === '' ? null : resolveIdentity(reader, { name, domain: host })
    if (identity === null) return { known: true, names: nobody, relays: nobody, ttlSeconds }
    const { publicKey, relays } = identity
    return {
      known: true,
      names: { [name]: publicKey },
      relays: { [publicKey]: relays.length > 0 ? relays : ours },
      ttlSeconds: identity.ttlSeconds,
    }
  }
}
