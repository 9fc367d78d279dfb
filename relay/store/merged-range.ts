import type { Database, RangeOptions } from 'lmdb'

/** The ranges that are asked for; as LMDB has it, `start` is where reading begins, so in reverse it is the upper bound. */
export type KeyRange = Pick<RangeOptions, 'limit' | 'reverse' | 'exclusiveStart' | 'inclusiveEnd'> & {
  readonly start?: Buffer
  readonly end?: Buffer
}

/** A key as a string of single bytes, which sorts as the bytes do. */
export type KeyName = string

export function keyName(key: Buffer, start = 0, end = key.length): KeyName {
  return key.toString('latin1', start, end)
}

export type Row = { readonly key: Buffer; readonly value: Buffer }

/** A range of what is stored, with writes (`null`: a removal) in their places, the latest last. Reads at once. */
export function mergedRange(
  database: Pick<Database<Buffer, Buffer>, 'getRange'>,
  layers: readonly ReadonlyMap<KeyName, Buffer | null>[],
  range: KeyRange,
): Row[] {
  const isWithin = rangeTest(range)
  const wanted = new Map<KeyName, Buffer | null>()
  for (const layer of layers) for (const [name, value] of layer) if (isWithin(name)) wanted.set(name, value)
  const { limit, reverse = false } = range
  if (wanted.size === 0) return [...database.getRange({ ...range })]
  let removed = 0
  for (const value of wanted.values()) if (value === null) removed++
  const stored = database.getRange(limit === undefined ? { ...range } : { ...range, limit: limit + removed })
  const rows = new Map<KeyName, Row>()
  for (const { key, value } of stored) rows.set(keyName(key), { key: Buffer.from(key), value: Buffer.from(value) })
  for (const [name, value] of wanted) {
    if (value === null) rows.delete(name)
    else rows.set(name, { key: Buffer.from(name, 'latin1'), value })
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b === reverse ? 1 : -1)).map(([, row]) => row)
  return limit === undefined ? sorted : sorted.slice(0, limit)
}

/** Tells whether a key, as a string of single bytes, is within a range. */
function rangeTest({
  start,
  end,
  reverse = false,
  exclusiveStart,
  inclusiveEnd,
}: KeyRange): (name: KeyName) => boolean {
  const first = start === undefined ? undefined : keyName(start)
  const last = end === undefined ? undefined : keyName(end)
  return name => {
    if (first !== undefined) {
      if (name === first ? exclusiveStart === true : name < first !== reverse) return false
    }
    if (last === undefined) return true
    return name === last ? inclusiveEnd === true : name < last !== reverse
  }
}
