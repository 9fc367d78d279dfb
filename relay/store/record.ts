import type { Span } from '../connection/page.ts'
import type { NostrEvent } from '../event.ts'
import type { IsProtected } from '../host.ts'
import type { WireEvent } from '../signatures/wire-event.ts'
import { growValueTree, likeliestValue } from './value-tree.ts'

/**
 * A stored event: `kind (2) | created_at (6) | expiration (6, 0: none) | id (32) | pubkey (32) | length of tags (4) |
 * tags | JSON`, the tags being those of one letter as `letter (1) | length (2) | value`. What a query has to look at
 * stands before the JSON, which goes to the socket as it is.
 */
const kindAt = 0
const createdAtAt = 2
const expirationAt = 8
const idAt = 14
const pubkeyAt = 46
const tagsLengthAt = 78
const tagsAt = 82
const letterP = 'p'.charCodeAt(0)

/** Filters ask for no longer values, and the length field holds no longer ones. */
const maxIndexedLength = 1_024

/** The letter and value of each one-letter tag that can be asked for. */
export function indexedTags(event: Pick<NostrEvent, 'tags'>): [letter: string, value: string][] {
  const tags: [string, string][] = []
  for (const [name, value] of event.tags) {
    if (name?.length !== 1 || value === undefined || value.length > maxIndexedLength) continue
    if (isLetter(name.charCodeAt(0))) tags.push([name, value])
  }
  return tags
}

/** When an event expires (NIP-40), or 0. */
export function expirationOf(event: Pick<NostrEvent, 'tags'>): number {
  const text = event.tags.find(tag => tag[0] === 'expiration')?.[1]
  return text !== undefined && /^[0-9]{1,14}$/.test(text) ? Number(text) : 0
}

/** The bytes under which an event is stored, with its indexed tags and when it expires, 0 for never. */
export function encodeRecord(
  { event, id, pubkey, json }: WireEvent,
  tags: readonly (readonly [string, string])[],
  expiration: number,
): Buffer {
  let tagBytes = 0
  for (const [, value] of tags) tagBytes += 3 + Buffer.byteLength(value)
  const record = Buffer.allocUnsafe(tagsAt + tagBytes + Buffer.byteLength(json))
  record.writeUInt16BE(event.kind, kindAt)
  record.writeUIntBE(event.created_at, createdAtAt, 6)
  record.writeUIntBE(expiration, expirationAt, 6)
  record.set(id, idAt)
  record.set(pubkey, pubkeyAt)
  record.writeUInt32BE(tagBytes, tagsLengthAt)
  let offset = tagsAt
  for (const [letter, value] of tags) {
    record[offset] = letter.charCodeAt(0)
    const length = record.write(value, offset + 3)
    record.writeUInt16BE(length, offset + 1)
    offset += 3 + length
  }
  record.write(json, offset)
  return record
}

/** A stored event where it lies: from `start` to `end` in bytes that hold others too. Valid until the next read only. */
export type RecordView = Span

export function recordKind({ bytes, start }: RecordView): number {
  return bytes.readUInt16BE(start + kindAt)
}

export function recordCreatedAt({ bytes, start }: RecordView): number {
  return bytes.readUIntBE(start + createdAtAt, 6)
}

export function recordExpiration({ bytes, start }: RecordView): number {
  return bytes.readUIntBE(start + expirationAt, 6)
}

/** A copy: ids are kept beyond the next read. */
export function recordId({ bytes, start }: RecordView): Buffer {
  return Buffer.from(bytes.subarray(start + idAt, start + pubkeyAt))
}

/** A copy, for the same reason. */
export function recordPubkey({ bytes, start }: RecordView): Buffer {
  return Buffer.from(bytes.subarray(start + pubkeyAt, start + tagsLengthAt))
}

/** The first six bytes of the author as a number: what tells most authors apart without a comparison of bytes. */
export function recordAuthorNumber({ bytes, start }: RecordView): number {
  return bytes.readUIntBE(start + pubkeyAt, 6)
}

export function recordIsBy({ bytes, start }: RecordView, author: Buffer): boolean {
  return sameBytes(bytes, start + pubkeyAt, author)
}

/** The JSON of the event, as it was encoded. */
export function recordJson(record: RecordView): Span {
  return { bytes: record.bytes, start: tagsEnd(record), end: record.end }
}

/** The event itself. */
export function recordEvent(record: RecordView): NostrEvent {
  return JSON.parse(record.bytes.toString('utf8', tagsEnd(record), record.end)) as NostrEvent
}

/** So many values are compared one after another: that is faster than a look into a tree. */
const fewValues = 4

/**
 * Makes the test whether a one-letter tag has one of these values, given as bytes. It takes time for each tag of the
 * record, however many values there are.
 */
export function recordTagTest(letter: number, values: readonly Buffer[]): (record: RecordView) => boolean {
  if (values.length <= fewValues) return record => recordHasTag(record, letter, values)
  const tree = growValueTree(values)
  return record => {
    const { bytes } = record
    const end = tagsEnd(record)
    let offset = record.start + tagsAt
    while (offset < end) {
      const length = bytes.readUInt16BE(offset + 1)
      if (bytes[offset] === letter) {
        const value = likeliestValue(tree, bytes, offset + 3, length)
        if (value !== undefined && sameBytes(bytes, offset + 3, value)) return true
      }
      offset += 3 + length
    }
    return false
  }
}

/** Whether a one-letter tag has one of these few values, given as bytes. */
export function recordHasTag(record: RecordView, letter: number, values: readonly Buffer[]): boolean {
  const { bytes } = record
  const end = tagsEnd(record)
  let offset = record.start + tagsAt
  while (offset < end) {
    const length = bytes.readUInt16BE(offset + 1)
    if (bytes[offset] === letter) {
      for (const value of values) {
        if (value.length === length && sameBytes(bytes, offset + 3, value)) return true
      }
    }
    offset += 3 + length
  }
  return false
}

/** What a host is told of a record that is to be removed. */
export function protectable(record: RecordView): Parameters<IsProtected>[0] {
  return {
    kind: recordKind(record),
    pubkey: recordPubkey(record).toString('hex'),
    isFor: pubkey => recordHasTag(record, letterP, [Buffer.from(pubkey)]),
  }
}

function tagsEnd({ bytes, start }: RecordView): number {
  return start + tagsAt + bytes.readUInt32BE(start + tagsLengthAt)
}

/** A loop, since most bytes differ at once and a call of the library costs more than all of it. */
function sameBytes(bytes: Buffer, offset: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[offset + index] !== expected[index]) return false
  }
  return true
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
