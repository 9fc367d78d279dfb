import {
  type Bound,
  createMessageWriter,
  createRangeReader,
  firstBound,
  idBytes,
  lastBound,
  type MessageWriter,
  protocolVersion,
} from './negentropy-message.ts'
import type { Vector } from './negentropy-vector.ts'

/** What came of a message: the next one, the end (for who began only), or what is wrong with it. */
export type Reconciled =
  | { readonly kind: 'next'; readonly message: Buffer }
  | { readonly kind: 'done' }
  | { readonly kind: 'fault'; readonly reason: string }

/**
 * Told by who began: items that are here only, by their place in the vector, and ids that are there only. When a message was
 * too small for all, what is beyond its end is gone through again, and told again.
 */
export type Differences = { here(index: number): void; there(id: Buffer): void }

/** A range is divided into so many; one of less than twice as many items is listed. */
const buckets = 16
/** For what ends a message: a range to skip, and the fingerprint of all that is left. */
const endBytes = 128
/** What a list takes besides its ids: bound, mode and length. */
const listBytes = 64
const idsPerStep = 256
export const smallestFrame = 4_096

/** The first message of who begins. */
export function* initiate(vector: Vector): Generator<void, Buffer> {
  const writer = createMessageWriter()
  yield* split(vector, 0, vector.size, lastBound, writer)
  return writer.message()
}

/**
 * Takes one message of the other side, in steps of some microseconds. The answer has at most `frameBytes`; what does not
 * fit is left for the next round. With `differences` we are who began, else who answers.
 */
export function* reconcile(
  vector: Vector,
  message: Buffer,
  { frameBytes, differences }: { frameBytes: number; differences: Differences | null },
): Generator<void, Reconciled> {
  const [version] = message
  if (version === undefined || version < 0x60 || version > 0x6f) return fault('this is no negentropy message')
  if (version !== protocolVersion) {
    // A client may then try again with the version that we know.
    if (differences === null) return { kind: 'next', message: Buffer.of(protocolVersion) }
    return fault('it speaks another version of negentropy')
  }
  const next = createRangeReader(message)
  const writer = createMessageWriter()
  let begin = 0
  let previous = firstBound
  let isSkipping = false

  const skip = () => {
    if (!isSkipping) return
    isSkipping = false
    writer.bound(previous)
    writer.number(0)
  }
  /** Ends the message with the fingerprint of everything from an item on. */
  const leaveRest = (from: number): Reconciled => {
    writer.bound(lastBound)
    writeFingerprint(writer, vector, from, vector.size)
    return { kind: 'next', message: writer.message() }
  }
  const room = () => frameBytes - endBytes - writer.length()

  for (;;) {
    const range = next()
    if (range === null) break
    if (typeof range === 'string') return fault(range)
    const { bound } = range
    let end = vector.lowerBound(begin, bound)
    const takeBack = writer.mark()
    const wasSkipping = isSkipping
    let isFull = false
    if (range.mode === 'skip') {
      isSkipping = true
    } else if (range.mode === 'fingerprint') {
      if (range.fingerprint.equals(vector.fingerprint(begin, end))) {
        isSkipping = true
      } else {
        skip()
        yield* split(vector, begin, end, bound, writer)
      }
    } else if (differences !== null) {
      yield* compare(vector, begin, end, range.ids, differences)
      isSkipping = true
    } else {
      skip()
      const fitting = Math.max(0, Math.floor((room() - endBytes - listBytes) / idBytes))
      if (end - begin > fitting && fitting > 0) {
        end = begin + fitting
        yield* list(vector, begin, end, { time: vector.time(end), id: vector.id(end) }, writer)
        return leaveRest(end)
      }
      isFull = end - begin > fitting
      if (!isFull) yield* list(vector, begin, end, bound, writer)
    }
    if (isFull || room() < endBytes) {
      takeBack()
      isSkipping = wasSkipping
      skip()
      return leaveRest(begin)
    }
    begin = end
    previous = bound
    yield
  }
  if (differences !== null && writer.length() === 1) return { kind: 'done' }
  return { kind: 'next', message: writer.message() }
}

/** Tells of the differences between our items of a range and the ids that the other side has in it. */
function* compare(vector: Vector, begin: number, end: number, ids: Buffer, differences: Differences): Generator<void> {
  const theirs = new Set<string>()
  for (let at = 0; at < ids.length; at += idBytes) {
    theirs.add(ids.toString('latin1', at, at + idBytes))
    if (at % (idsPerStep * idBytes) === 0) yield
  }
  for (let index = begin; index < end; index++) {
    const id = vector.id(index)
    if (!theirs.delete(id.toString('latin1'))) differences.here(index)
    if (index % idsPerStep === 0) yield
  }
  let told = 0
  for (const id of theirs) {
    differences.there(Buffer.from(id, 'latin1'))
    if (++told % idsPerStep === 0) yield
  }
}

/** Writes a range whose fingerprints differ: its items when they are few, else the fingerprints of its parts. */
function* split(vector: Vector, begin: number, end: number, bound: Bound, writer: MessageWriter): Generator<void> {
  const count = end - begin
  if (count < 2 * buckets) return yield* list(vector, begin, end, bound, writer)
  let from = begin
  for (let bucket = 0; bucket < buckets; bucket++) {
    const to = from + Math.floor(count / buckets) + (bucket < count % buckets ? 1 : 0)
    writer.bound(to === end ? bound : shortestBound(vector, to))
    writeFingerprint(writer, vector, from, to)
    from = to
    yield
  }
}

function* list(vector: Vector, begin: number, end: number, bound: Bound, writer: MessageWriter): Generator<void> {
  writer.bound(bound)
  writer.number(2)
  writer.number(end - begin)
  for (let index = begin; index < end; index++) {
    writer.bytes(vector.id(index))
    if (index % idsPerStep === 0) yield
  }
}

function writeFingerprint(writer: MessageWriter, vector: Vector, begin: number, end: number): void {
  writer.number(1)
  writer.bytes(vector.fingerprint(begin, end))
}

/** The shortest bound between an item and the one before it. */
function shortestBound(vector: Vector, index: number): Bound {
  const time = vector.time(index)
  if (time !== vector.time(index - 1)) return { time, id: firstBound.id }
  const id = vector.id(index)
  const before = vector.id(index - 1)
  let shared = 0
  while (shared < idBytes - 1 && id[shared] === before[shared]) shared++
  return { time, id: Buffer.from(id.subarray(0, shared + 1)) }
}

function fault(reason: string): Reconciled {
  return { kind: 'fault', reason }
}
