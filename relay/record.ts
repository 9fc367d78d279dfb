import { encodeEvent, type NostrEvent } from './event.ts'

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
  event: NostrEvent,
  tags: readonly (readonly [string, string])[],
  expiration = expirationOf(event),
): Buffer {
  const json = encodeEvent(event)
  let tagBytes = 0
  for (const [, value] of tags) tagBytes += 3 + Buffer.byteLength(value)
  const record = Buffer.allocUnsafe(tagsAt + tagBytes + Buffer.byteLength(json))
  record.writeUInt16BE(event.kind, kindAt)
  record.writeUIntBE(event.created_at, createdAtAt, 6)
  record.writeUIntBE(expiration, expirationAt, 6)
  record.write(event.id, idAt, 'hex')
  record.write(event.pubkey, pubkeyAt, 'hex')
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

export function recordKind(record: Buffer): number {
  return record.readUInt16BE(kindAt)
}

export function recordCreatedAt(record: Buffer): number {
  return record.readUIntBE(createdAtAt, 6)
}

export function recordExpiration(record: Buffer): number {
  return record.readUIntBE(expirationAt, 6)
}

export function recordId(record: Buffer): Buffer {
  return record.subarray(idAt, pubkeyAt)
}

export function recordPubkey(record: Buffer): Buffer {
  return record.subarray(pubkeyAt, tagsLengthAt)
}

/** The JSON of the event, as it was encoded. */
export function recordJson(record: Buffer): Buffer {
  return record.subarray(tagsAt + record.readUInt32BE(tagsLengthAt))
}

/** Whether a one-letter tag has one of these values, given as bytes. */
export function recordHasTag(record: Buffer, letter: number, values: readonly Buffer[]): boolean {
  const end = tagsAt + record.readUInt32BE(tagsLengthAt)
  let offset = tagsAt
  while (offset < end) {
    const length = record.readUInt16BE(offset + 1)
    if (record[offset] === letter) {
      for (const value of values) {
        if (value.length === length && record.compare(value, 0, length, offset + 3, offset + 3 + length) === 0)
          return true
      }
    }
    offset += 3 + length
  }
  return false
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
