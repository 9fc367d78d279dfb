import type { RootDatabase } from 'lmdb'
import { relayDatabaseNames } from './databases.ts'
import { positionBytes } from './keys.ts'

/** Where an event stands in an index (see `databases.ts`), as numbers: what is left of its id is in two halves. */
export type Position = {
  /** Inverted, so that later times come first. */
  readonly time: number
  readonly idHigh: number
  readonly idLow: number
  readonly seq: number
}

/** An index that is read as positions; the keys' prefixes are known to the reader. */
export type PositionIndex = {
  /** The first so many positions of keys from `start` and before `end`. */
  read(start: Buffer, end: Buffer, limit: number): Position[]
}

/** The indexes, whose keys end with a position. */
const positionIndexes = ['byTime', 'byKind', 'byAuthorKind', 'byTag', 'words'] as const
export type Positions = { readonly [Name in (typeof positionIndexes)[number]]: PositionIndex }

/** Opens the indexes once more, with keys decoded where they lie: a copy of each key took longer than to find it. */
export function openPositions(root: RootDatabase): Positions {
  const open = (name: (typeof positionIndexes)[number]): PositionIndex => {
    const options = { name: relayDatabaseNames[name], encoding: 'binary', keyEncoder: { writeKey, readKey } } as const
    const database = root.openDB<Buffer, Buffer>(options)
    return {
      // The library's types know no keys but its own; these come from `readKey`.
      read: (start, end, limit) => [...database.getKeys({ start, end, limit })] as unknown as Position[],
    }
  }
  return Object.fromEntries(positionIndexes.map(name => [name, open(name)])) as Positions
}

function writeKey(key: Buffer, target: Buffer, start: number): number {
  target.set(key, start)
  return start + key.length
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
