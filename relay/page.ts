import type { Duplex } from 'node:stream'
import { frameLength, writeHeader } from './frame.ts'

/** Gathers messages to a client into pages, each written at once. */
export type PageWriter = {
  /** Adds a text message: `start`, then, unless null, a JSON value and the closing bracket. `more`: others will follow. */
  message(start: string, json: Buffer | null, more: boolean): void
  /** Whether the page should be flushed before more is added. */
  isFull(): boolean
  flush(): void
}

const pageBytes = 65_536
const growth = 8

/** Makes the page writer of a stream. Its buffer exists only while a page is being filled. */
export function createPageWriter(stream: Duplex): PageWriter {
  let page: Buffer | null = null
  let length = 0

  const flush = () => {
    if (page === null || length === 0) return
    const written = page.subarray(0, length)
    page = null
    length = 0
    if (stream.writable) stream.write(written)
  }

  return {
    message: (start, json, more) => {
      const payload = Buffer.byteLength(start) + (json === null ? 0 : json.length + 1)
      const needed = frameLength(payload)
      // A short answer takes a small page; each that follows in a long one is larger, up to the full size.
      let size = more ? needed * growth : needed
      if (page !== null && length + needed > page.length) {
        size = Math.max(size, page.length * growth)
        flush()
      }
      page ??= Buffer.allocUnsafe(Math.max(needed, Math.min(pageBytes, size)))
      let offset = writeHeader(page, length, payload)
      offset += page.write(start, offset)
      if (json !== null) {
        offset += json.copy(page, offset)
        page[offset++] = 0x5d
      }
      length = offset
    },
    isFull: () => length > pageBytes - 4_096,
    flush,
  }
}
