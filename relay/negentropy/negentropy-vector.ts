import { hash } from 'node:crypto'
import { type Bound, fingerprintBytes, idBytes, putNumber } from './negentropy-message.ts'

/** Items in the order of negentropy: by time, then by id. */
export type Vector = {
  readonly size: number
  time(index: number): number
  /** The id of an item, as part of the vector's own memory. */
  id(index: number): Buffer
  /** The first item from `begin` on that is not before the bound. */
  lowerBound(begin: number, bound: Bound): number
  /** The digest of the items from `begin` up to `end`, at a cost that does not depend on how many they are. */
  fingerprint(begin: number, end: number): Buffer
}

/** A vector under construction, out of a scan. */
export type VectorBuilder = {
  size(): number
  /** Adds an item; times descend. The id lies at `offset`. */
  add(time: number, bytes: Buffer, offset: number): void
  /** Orders what was added, in steps. */
  seal(): Generator<void, Vector>
}

/** What an item takes up: its id, its time, and its share in the sums. */
export const bytesPerItem = 41

const wordsPerId = idBytes / 4
/** Items in one piece of memory; a power of two. */
const chunkItems = 4_096
const chunkBits = 12
/** There is a sum for so many items. */
const itemsPerSum = 64
const itemsPerStep = 256
const twoTo32 = 2 ** 32

/** Words are read as little-endian, as negentropy has it and as every machine that LMDB is built for does. */
type Chunk = { readonly times: Float64Array; readonly words: Uint32Array; readonly bytes: Buffer }

/** Begins a vector. Items come newest first, so that the last one added is the first of the vector. */
export function createVectorBuilder(): VectorBuilder {
  const chunks: Chunk[] = []
  let size = 0
  let lastTime = Number.POSITIVE_INFINITY

  const chunkOf = (added: number): Chunk => {
    const chunk = chunks[added >> chunkBits]
    if (chunk === undefined) throw new Error('there is no such item')
    return chunk
  }
  const timeAt = (added: number): number => chunkOf(added).times[added % chunkItems] ?? 0
  const compareIds = (a: number, b: number): number => {
    const [aAt, bAt] = [(a % chunkItems) * idBytes, (b % chunkItems) * idBytes]
    return chunkOf(a).bytes.compare(chunkOf(b).bytes, bAt, bAt + idBytes, aAt, aAt + idBytes)
  }
  const scratch = Buffer.alloc(idBytes)
  /** Only items of one time change places. */
  const swap = (a: number, b: number) => {
    const [aAt, bAt] = [(a % chunkItems) * idBytes, (b % chunkItems) * idBytes]
    const [aBytes, bBytes] = [chunkOf(a).bytes, chunkOf(b).bytes]
    aBytes.copy(scratch, 0, aAt, aAt + idBytes)
    bBytes.copy(aBytes, aAt, bAt, bAt + idBytes)
    scratch.copy(bBytes, bAt)
  }

  /** A scan gives lower ids first within a second; read from behind they must come last. */
  function* reverseSeconds(): Generator<void> {
    let begin = 0
    while (begin < size) {
      const time = timeAt(begin)
      let end = begin + 1
      while (end < size && timeAt(end) === time) if (++end % itemsPerStep === 0) yield
      for (let low = begin, high = end - 1; low < high; low++, high--) {
        swap(low, high)
        if (low % itemsPerStep === 0) yield
      }
      begin = end
      if (begin % itemsPerStep === 0) yield
    }
  }

  /** Indexes order ids by their first bytes only: the few that share them are put right here. */
  function* orderIds(): Generator<void> {
    for (let added = 1; added < size; added++) {
      for (let at = added; at > 0 && timeAt(at) === timeAt(at - 1) && compareIds(at - 1, at) < 0; at--) {
        swap(at - 1, at)
        yield
      }
      if (added % itemsPerStep === 0) yield
    }
  }

  function* sumUp(): Generator<void, Float64Array> {
    const sums = new Float64Array((Math.floor(size / itemsPerSum) + 1) * wordsPerId)
    const sum = new Float64Array(wordsPerId)
    for (let index = 0; index < size; index++) {
      if (index % itemsPerSum === 0) {
        carry(sum)
        sums.set(sum, (index / itemsPerSum) * wordsPerId)
        yield
      }
      accumulate(sum, index, 1)
    }
    if (size % itemsPerSum === 0) {
      carry(sum)
      sums.set(sum, (size / itemsPerSum) * wordsPerId)
    }
    return sums
  }

  /** Words are summed up one by one; what they carry is looked at once, since doubles hold millions of them exactly. */
  const accumulate = (sum: Float64Array, index: number, sign: 1 | -1) => {
    const added = size - 1 - index
    const { words } = chunkOf(added)
    const at = (added % chunkItems) * wordsPerId
    for (let word = 0; word < wordsPerId; word++) sum[word] = (sum[word] ?? 0) + sign * (words[at + word] ?? 0)
  }

  const vectorWith = (sums: Float64Array): Vector => {
    const input = Buffer.alloc(idBytes + 8)
    /** Adds the sum of all items before one. */
    const addUpTo = (sum: Float64Array, index: number, sign: 1 | -1) => {
      const known = Math.floor(index / itemsPerSum)
      for (let word = 0; word < wordsPerId; word++) {
        sum[word] = (sum[word] ?? 0) + sign * (sums[known * wordsPerId + word] ?? 0)
      }
      for (let at = known * itemsPerSum; at < index; at++) accumulate(sum, at, sign)
    }
    const timeOf = (index: number) => timeAt(size - 1 - index)
    const idOf = (index: number): Buffer => {
      const added = size - 1 - index
      const at = (added % chunkItems) * idBytes
      return chunkOf(added).bytes.subarray(at, at + idBytes)
    }
    const isBefore = (index: number, { time, id }: Bound): boolean => {
      const itemTime = timeOf(index)
      if (itemTime !== time) return itemTime < time
      const added = size - 1 - index
      const at = (added % chunkItems) * idBytes
      return id.length > 0 && chunkOf(added).bytes.compare(id, 0, id.length, at, at + id.length) < 0
    }
    return {
      size,
      time: timeOf,
      id: idOf,
      lowerBound: (begin, bound) => {
        let [low, high] = [begin, size]
        while (low < high) {
          const middle = (low + high) >>> 1
          if (isBefore(middle, bound)) low = middle + 1
          else high = middle
        }
        return low
      },
      fingerprint: (begin, end) => {
        const sum = new Float64Array(wordsPerId)
        if (end - begin <= itemsPerSum) {
          for (let at = begin; at < end; at++) accumulate(sum, at, 1)
        } else {
          addUpTo(sum, end, 1)
          addUpTo(sum, begin, -1)
        }
        carry(sum)
        for (let word = 0; word < wordsPerId; word++) input.writeUInt32LE(sum[word] ?? 0, word * 4)
        const length = putNumber(input, idBytes, end - begin)
        return hash('sha256', input.subarray(0, length), 'buffer').subarray(0, fingerprintBytes)
      },
    }
  }

  return {
    size: () => size,
    add: (time, bytes, offset) => {
      if (time > lastTime) throw new Error('items come newest first')
      lastTime = time
      if (size % chunkItems === 0) chunks.push(createChunk(chunkItems))
      const { times, bytes: ids } = chunkOf(size)
      times[size % chunkItems] = time
      bytes.copy(ids, (size % chunkItems) * idBytes, offset, offset + idBytes)
      size++
    },
    seal: function* () {
      trimLast(chunks, size)
      yield* reverseSeconds()
      yield* orderIds()
      return vectorWith(yield* sumUp())
    },
  }
}

function createChunk(items: number): Chunk {
  const words = new Uint32Array(items * wordsPerId)
  return { times: new Float64Array(items), words, bytes: Buffer.from(words.buffer) }
}

/** Gives back what the last chunk does not use: most vectors are small. */
function trimLast(chunks: Chunk[], size: number): void {
  const last = chunks.pop()
  if (last === undefined) return
  const trimmed = createChunk(size - chunks.length * chunkItems)
  trimmed.times.set(last.times.subarray(0, trimmed.times.length))
  trimmed.words.set(last.words.subarray(0, trimmed.words.length))
  chunks.push(trimmed)
}

/** Brings every word into its range; what the last one carries is lost, since sums are modulo 2^256. */
function carry(sum: Float64Array): void {
  let over = 0
  for (let word = 0; word < wordsPerId; word++) {
    const value = (sum[word] ?? 0) + over
    over = Math.floor(value / twoTo32)
    sum[word] = value - over * twoTo32
  }
}
