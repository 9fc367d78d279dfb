import type { NostrEvent } from '../../relay/event.ts'
import { listed } from '../domain/listing.ts'
import { splitIdentifier } from '../protocol/names.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'

/** Which ordinary events the relay takes: none, those of and for its customers, or all. */
export type WelcomePolicy = 'commands' | 'members' | 'open'

/** Profile and follows, and the lists of NIP-51, NIP-65 and others that are about a key itself. */
const listKinds: ReadonlySet<number> = new Set([
  0, 3, 10_000, 10_001, 10_002, 10_003, 10_004, 10_005, 10_006, 10_007, 10_009, 10_012, 10_013, 10_015, 10_019, 10_020,
  10_030, 10_050, 10_063, 10_101, 10_102,
])

/** Sets of NIP-51 and the kinds that go with a profile, beyond the replaceable ones. */
const setKinds: ReadonlySet<number> = new Set([
  30_000, 30_002, 30_003, 30_004, 30_005, 30_006, 30_007, 30_008, 30_015, 30_030, 30_063, 30_267, 39_089, 39_092,
])
const messageKinds: ReadonlySet<number> = new Set([4, 1059, 21_059])

/** Why an ordinary event is not welcome, with its NIP-01 prefix, or `null`. */
export function unwelcome(
  event: Pick<NostrEvent, 'kind' | 'pubkey' | 'tags'>,
  policy: WelcomePolicy,
  reader: Reader,
  service: string,
): string | null {
  // Whoever wants to vanish may say so everywhere (NIP-62).
  if (policy === 'open' || event.kind === 62) return null
  if (policy === 'commands') return 'blocked: this relay takes commands and queries for its service only'
  const { kind } = event
  if (kind === 5 || listKinds.has(kind) || setKinds.has(kind)) return null
  if (messageKinds.has(kind) && event.tags.some(tag => tag[0] === 'p' && isAddressee(reader, tag[1], service))) {
    return null
  }
  if (ownsActiveName(reader, event.pubkey)) return null
  return 'restricted: this kind is taken from owners of a name here, or when it is for one of our customers'
}

/** Whether one of a key's names is paid for; those in grace do not count, and are listed last. */
function ownsActiveName(reader: Reader, key: string): boolean {
  return listed(reader, key, 'identifier', { limit: 1 }).some(full => {
    const { domain, name } = splitIdentifier(full)
    return reader.get(tables.identifiers, [domain, name])?.status === 'active'
  })
}

function isAddressee(reader: Reader, key: string | undefined, service: string): boolean {
  if (key === undefined || !/^[0-9a-f]{64}$/.test(key)) return false
  return key === service || reader.has(tables.accounts, [key])
}
