import type { NostrEvent } from '../event.ts'
import type { Rows } from './pending-writes.ts'

/** The kind of a request to vanish (NIP-62). It stays when what it asks for is gone, and no deletion touches it. */
export const vanishKind = 62

/** Messages under a key of their own (NIP-59), which belong to whom they are for. */
export const wrapKinds: ReadonlySet<number> = new Set([1_059, 21_059])

/** Who has vanished from here, and up to when. */
export type Vanished = {
  /** Whether an event must not come (back) in: its author, or whom a gift wrap is for, has vanished at a later time. */
  covers(event: NostrEvent, pubkey: Buffer): boolean
  /** Remembers it; inside a transaction only. */
  add(pubkey: Buffer, upTo: number): void
}

/** Reads and writes key → time (6). As long as nobody has vanished, nothing is looked up. */
export function createVanished(database: Rows): Vanished {
  let isAny = [...database.getKeys({ limit: 1 })].length > 0
  const upTo = (pubkey: Buffer) => database.getBinaryFast(pubkey)?.readUIntBE(0, 6) ?? -1
  return {
    covers: ({ kind, created_at, tags }, pubkey) => {
      if (!isAny) return false
      if (created_at <= upTo(pubkey)) return true
      if (!wrapKinds.has(kind)) return false
      return tags.some(
        ([name, value]) => name === 'p' && value?.length === 64 && created_at <= upTo(Buffer.from(value, 'hex')),
      )
    },
    add: (pubkey, time) => {
      isAny = true
      const value = Buffer.allocUnsafe(6)
      value.writeUIntBE(Math.max(time, upTo(pubkey)), 0, 6)
      database.putSync(pubkey, value)
    },
  }
}
