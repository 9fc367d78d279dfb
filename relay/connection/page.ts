import type { Duplex } from 'node:stream'
import { frameLength, writeHeader } from './frame.ts'

/** Bytes that are part of a larger buffer. */
export type Span = { readonly bytes: Buffer; readonly start: number; readonly end: number }

/** Gathers messages to a client into pages, each written at once: a write costs more than several messages. */
export type PageWriter = {
  /** Adds a text message: `start`, then, unless null, a JSON value and the closing bracket. The value is copied at once. */
  message(start: Buffer, json: Span | null): void
  /**
   * The same for bytes that stay as they are. They are copied when the page is flushed, into one of the right size; until
   * then an event for many is in memory once.
   */
  lasting(start: Buffer, json: Span | null): void
  /** Whether the page should be flushed before more is added. */
  isFull(): boolean
  /** How much waits to be flushed. */
  length(): number
  flush(): void
}

export function wholeSpan(bytes: Buffer): Span {
  return { bytes, start: 0, end: bytes.length }
}

const pageBytes = 65_536
/** What is left of a full page is too little for most events, or for one more like the last. */
const slackBytes = 2_048
const growth = 4

type Part = { readonly start: Buffer; readonly json: Span | null }

/** Makes the page writer of a stream. Its buffer exists only while a page is being filled. */
export function createPageWriter(stream: Duplex): PageWriter {
  let page: Buffer | null = null
  let length = 0
  /** After a full page the next is likely to become full. */
  let size = 0
  let last = 0
  let waiting: Part[] | null = null
  let waitingBytes = 0

  const write = () => {
    if (page === null) return
    const written = length === page.length ? page : page.subarray(0, length)
    size = length > pageBytes / 2 ? pageBytes : 0
    page = null
    length = 0
    if (stream.writable) stream.write(written)
  }

  /** A page with room for so many bytes more: larger each time, so that a short answer takes a small one. */
  const pageFor = (needed: number): Buffer => {
    if (page !== null && length + needed <= page.length) return page
    if (page !== null && length + needed > pageBytes) write()
    const former: Buffer | null = page
    const grown = former === null ? size : former.length * growth
    const larger = Buffer.allocUnsafe(Math.max(length + needed, Math.min(pageBytes, grown)))
    former?.copy(larger, 0, 0, length)
    page = larger
    return larger
  }

  const append = (start: Buffer, json: Span | null) => {
    const payload = payloadLength(start, json)
    last = frameLength(payload)
    const target = pageFor(last)
    let offset = writeHeader(target, length, payload)
    offset += start.copy(target, offset)
    if (json !== null) {
      offset += json.bytes.copy(target, offset, json.start, json.end)
      target[offset++] = 0x5d
    }
    length = offset
  }

  const appendWaiting = () => {
    if (waiting === null) return
    const parts = waiting
    if (page === null) size = Math.min(pageBytes, waitingBytes)
    waiting = null
    waitingBytes = 0
    for (const { start, json } of parts) append(start, json)
  }

  return {
    message: (start, json) => {
      appendWaiting()
      append(start, json)
    },
    lasting: (start, json) => {
      waiting ??= []
      waiting.push({ start, json })
      waitingBytes += frameLength(payloadLength(start, json))
      if (waitingBytes > pageBytes) appendWaiting()
    },
    isFull: () => length + waitingBytes > pageBytes - Math.max(slackBytes, last),
    length: () => length + waitingBytes,
    flush: () => {
      appendWaiting()
      write()
    },
  }
}

function payloadLength(start: Buffer, json: Span | null): number {
  return start.length + (json === null ? 0 : json.end - json.start + 1)
}
