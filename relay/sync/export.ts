import { createPace } from '../pace.ts'
import type { Scan } from '../query/query.ts'
import { recordJson } from '../store/record.ts'

const pageBytes = 65_536
/** Of a turn of the event loop. */
const turnMs = 8
const newline = 10

/**
 * Writes what a scan or walk finds as JSON lines, as strfry exports them; says how many events. `write` resolves when
 * more may come, or with `false` when nobody reads any more; the pages are its to keep.
 */
export async function exportLines(
  found: Pick<Scan, 'next'>,
  write: (page: Buffer) => Promise<boolean>,
): Promise<number> {
  const isOver = createPace(turnMs)
  let page = Buffer.allocUnsafe(pageBytes)
  let length = 0
  let count = 0
  for (;;) {
    if (isOver()) await new Promise(setImmediate)
    const record = found.next(isOver)
    if (record === undefined) continue
    if (record === null) break
    const { bytes, start, end } = recordJson(record)
    const json = bytes.subarray(start, end)
    if (length + json.length + 1 > page.length) {
      const full = page.subarray(0, length)
      // Copied before anything is waited for: what was found is valid until the next read only.
      page = Buffer.allocUnsafe(Math.max(pageBytes, json.length + 1))
      length = append(page, 0, json)
      if (full.length > 0 && !(await write(full))) return count
    } else length = append(page, length, json)
    count++
  }
  if (length > 0) await write(page.subarray(0, length))
  return count
}

/** Counts what a scan or walk finds. */
export async function countFound(found: Pick<Scan, 'next'>): Promise<number> {
  const isOver = createPace(turnMs)
  for (let count = 0; ; ) {
    if (isOver()) await new Promise(setImmediate)
    const record = found.next(isOver)
    if (record === null) return count
    if (record !== undefined) count++
  }
}

function append(page: Buffer, length: number, json: Buffer): number {
  const end = length + json.copy(page, length)
  page[end] = newline
  return end + 1
}
