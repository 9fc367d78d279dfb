import type { RecordView } from './record.ts'

/** Records that were read or written lately, in memory: LMDB takes a microsecond for each, and most requests are about new events. */
export type RecordCache = {
  /** Where the records lie that `get` gives. */
  readonly bytes: Buffer
  get(seq: number): RecordView | undefined
  /** Copies a record in; the oldest give way. Records never change, and numbers are never used again. */
  put(seq: number, record: RecordView): void
  /** Of an event that has been removed. */
  drop(seq: number): void
}

/** Larger ones would drive out too many others. */
const maxRecordBytes = 16_384
const bytesPerSlot = 512

/**
 * Makes a cache of so many bytes, which the system gives as they are used: a ring of records, and a table of where the
 * record of a number lies. Nothing of it is for the garbage collector.
 */
export function createRecordCache(capacity: number): RecordCache {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity / bytesPerSlot)))
  const seqs = new Float64Array(slots)
  /** Positions count on without end; the ring holds the last `capacity` of them. */
  const positions = new Float64Array(slots)
  const lengths = new Uint32Array(slots)
  const bytes = Buffer.allocUnsafeSlow(capacity)
  let head = 0

  return {
    bytes,
    get: seq => {
      const slot = seq % slots
      const position = positions[slot] ?? 0
      if (seqs[slot] !== seq || position < head - capacity) return undefined
      const start = position % capacity
      return { bytes, start, end: start + (lengths[slot] ?? 0) }
    },
    put: (seq, record) => {
      const length = record.end - record.start
      if (length > maxRecordBytes || length > capacity) return
      // A record does not go around the end.
      const left = capacity - (head % capacity)
      if (length > left) head += left
      const slot = seq % slots
      seqs[slot] = seq
      positions[slot] = head
      lengths[slot] = length
      record.bytes.copy(bytes, head % capacity, record.start, record.end)
      head += length
    },
    drop: seq => {
      if (seqs[seq % slots] === seq) seqs[seq % slots] = 0
    },
  }
}
