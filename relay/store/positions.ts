import type { RootDatabase } from 'lmdb'
import type { Span } from '../connection/page.ts'
import { relayDatabaseNames } from './databases.ts'
import { positionBytes, writeBytes } from './keys.ts'
import { pendingWrites } from './pending-writes.ts'

/** Where an event stands in an index (see `databases.ts`), as numbers: what is left of its id is in two halves. */
export type Position = {
  /** Inverted, so that later times come first. */
  readonly time: number
  readonly idHigh: number
  readonly idLow: number
  readonly seq: number
}

/** An index that is read as positions; the keys' prefixes are known to the reader. What writes is for the writer's transaction. */
export type PositionIndex = {
  /** The first so many positions of keys from `start` and before `end`. */
  read(start: Buffer, end: Buffer, limit: number): Position[]
  put(key: Span): void
  remove(key: Span): void
}

/** The indexes, whose keys end with a position. */
const positionIndexes = ['byTime', 'byKind', 'byAuthorKind', 'byTag', 'words'] as const
export type Positions = { readonly [Name in (typeof positionIndexes)[number]]: PositionIndex }

/** Opens the indexes once more, with keys decoded where they lie: a copy of each key took longer than to find it. */
export function openPositions(root: RootDatabase): Positions {
  const pending = pendingWrites(root)
  const open = (name: (typeof positionIndexes)[number]): PositionIndex => {
    const rows = pending.open(relayDatabaseNames[name])
    const options = { name: relayDatabaseNames[name], encoding: 'binary', keyEncoder: { writeKey, readKey } } as const
    const database = root.openDB<Buffer, Buffer>(options)
    return {
      // The library's types know no keys but its own; these come from `readKey`.
      read: (start, end, limit) => [...database.getKeys({ start, end, limit })] as unknown as Position[],
      put: key => rows.putSync(key, nothing),
      remove: key => rows.removeSync(key),
    }
  }
  return Object.fromEntries(positionIndexes.map(name => [name, open(name)])) as Positions
}

const nothing = Buffer.alloc(0)

function writeKey(key: Buffer, target: Buffer, at: number): number {
  return writeBytes(target, at, key)
}

function readKey(source: Buffer, _start: number, end: number): Position {
  const at = end - positionBytes
  return {
    time: uint16(source, at) * 2 ** 32 + uint32(source, at + 2),
    idHigh: uint32(source, at + 6),
    idLow: uint32(source, at + 10),
    seq: uint16(source, at + 14) * 2 ** 32 + uint32(source, at + 16),
  }
}

function uint16(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function uint32(bytes: Buffer, at: number): number {
  return ((uint16(bytes, at) << 16) | uint16(bytes, at + 2)) >>> 0
}
