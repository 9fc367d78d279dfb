import type { Database, RangeOptions } from 'lmdb'

/** The ranges that are asked for; as LMDB has it, `start` is where reading begins, so in reverse it is the upper bound. */
export type KeyRange = Pick<RangeOptions, 'limit' | 'reverse' | 'exclusiveStart' | 'inclusiveEnd'> & {
  readonly start?: Buffer
  readonly end?: Buffer
}

export type Row = { readonly key: Buffer; readonly value: Buffer }

/** A range of what is stored, with writes (`null`: a removal) in their places. Reads at once. */
export function mergedRange(
  database: Pick<Database<Buffer, Buffer>, 'getRange'>,
  writes: Iterable<{ readonly key: Buffer; readonly name: string; readonly value: Buffer | null }>,
  range: KeyRange,
): Row[] {
  const isWithin = rangeTest(range)
  const wanted = [...writes].filter(({ name }) => isWithin(name))
  const { limit, reverse = false } = range
  if (wanted.length === 0) return [...database.getRange(range)]
  // Of what is stored, as many rows may be removed as there are writes.
  const stored = database.getRange(limit === undefined ? range : { ...range, limit: limit + wanted.length })
  const rows = new Map<string, Row>()
  for (const { key, value } of stored)
    rows.set(key.toString('latin1'), { key: Buffer.from(key), value: Buffer.from(value) })
  for (const { name, key, value } of wanted) {
    if (value === null) rows.delete(name)
    else rows.set(name, { key, value })
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b === reverse ? 1 : -1)).map(([, row]) => row)
  return limit === undefined ? sorted : sorted.slice(0, limit)
}

/** Tells whether a key, as a string of single bytes, is within a range. */
function rangeTest({ start, end, reverse = false, exclusiveStart, inclusiveEnd }: KeyRange): (name: string) => boolean {
  const first = start?.toString('latin1')
  const last = end?.toString('latin1')
  return name => {
    if (first !== undefined) {
      if (name === first ? exclusiveStart === true : name < first !== reverse) return false
    }
    if (last === undefined) return true
    return name === last ? inclusiveEnd === true : name < last !== reverse
  }
}
