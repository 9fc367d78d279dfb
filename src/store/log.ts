import { createHash } from 'node:crypto'
import type { Environment } from './environment.ts'
import { tables } from './tables.ts'

/**
 * The append-only log. An entry is
 * `time (6 bytes) | rules version (2) | flags (1) | outcome digest (32) | event as JSON | hash (32)`
 * where the hash covers the previous entry's hash and everything before it in this entry.
 */
export type Entry = {
  readonly seq: number
  /** Log time, Unix seconds. */
  readonly time: number
  readonly rulesVersion: number
  /** Whether its sender was within the ration of unpaid holds of an address, which is known at admission only. */
  readonly mayHold: boolean
  /** As it stands in the entry, so that every bit of it is checked. */
  readonly flags: number
  readonly digest: Buffer
  /** The signed command or fact, as canonical JSON. */
  readonly event: Buffer
  readonly hash: Buffer
}

/** Where the log ends. `seq` 0 is the empty log. */
export type Head = { readonly seq: number; readonly time: number; readonly hash: Buffer }

const emptyHead: Head = { seq: 0, time: 0, hash: Buffer.alloc(32) }
const flagsAt = 8
const digestAt = 9
const headerBytes = digestAt + 32
/** The only flag so far. */
const mayNotHold = 1
const hashBytes = 32

/** The end of the log. Inside a transaction it sees what the transaction has appended. */
export function readHead(environment: Environment): Head {
  for (const { key, value } of environment.bytes(tables.log).getRange({ reverse: true, limit: 1 })) {
    const { seq, time, hash } = decodeEntry(key, value)
    return { seq, time, hash }
  }
  return emptyHead
}

/** Whether `head` is still the end of the log; it is not after a transaction that appended has failed. */
export function isHead(environment: Environment, head: Head): boolean {
  if (head.seq === 0) return false
  const value = environment.bytes(tables.log).getBinary(tables.log.encodeKey([head.seq]))
  return value !== undefined && Buffer.compare(value.subarray(-hashBytes), head.hash) === 0
}

/** Appends an entry after `head` and returns the new end. Call inside the writer's transaction. */
export function appendEntry(
  environment: Environment,
  head: Head,
  entry: { time: number; rulesVersion: number; mayHold: boolean; digest: Buffer; event: string },
): Head {
  const event = Buffer.from(entry.event)
  const bytes = Buffer.allocUnsafe(headerBytes + event.length + hashBytes)
  writeHeader(bytes, { ...entry, flags: entry.mayHold ? 0 : mayNotHold })
  event.copy(bytes, headerBytes)
  const hash = chainHash(head.hash, bytes.subarray(0, -hashBytes))
  hash.copy(bytes, bytes.length - hashBytes)
  const seq = head.seq + 1
  environment.bytes(tables.log).putSync(tables.log.encodeKey([seq]), bytes)
  return { seq, time: entry.time, hash }
}

/** Entries with `seq` from `first` on, at most `limit`, in order. */
export function readEntries(environment: Environment, first: number, limit: number): Entry[] {
  const entries: Entry[] = []
  for (const { key, value } of environment
    .bytes(tables.log)
    .getRange({ start: tables.log.encodeKey([first]), limit })) {
    entries.push(decodeEntry(key, value))
  }
  return entries
}

/** Whether an entry follows its predecessor unaltered: sequence number and hash chain. */
export function isChained(previous: Head, entry: Entry): boolean {
  if (entry.seq !== previous.seq + 1) return false
  const header = Buffer.allocUnsafe(headerBytes)
  writeHeader(header, entry)
  return chainHash(previous.hash, Buffer.concat([header, entry.event])).equals(entry.hash)
}

/** Where a fold over the whole log begins. */
export function startOfLog(): Head {
  return emptyHead
}

function writeHeader(bytes: Buffer, entry: Pick<Entry, 'time' | 'rulesVersion' | 'flags' | 'digest'>): void {
  bytes.writeUIntBE(entry.time, 0, 6)
  bytes.writeUInt16BE(entry.rulesVersion, 6)
  bytes[flagsAt] = entry.flags
  entry.digest.copy(bytes, digestAt)
}

function chainHash(previous: Buffer, body: Buffer): Buffer {
  return createHash('sha256').update(previous).update(body).digest()
}

/** Takes an entry apart. What it returns is copied, since LMDB reuses the bytes of a read. */
function decodeEntry(key: Buffer, value: Buffer): Entry {
  if (value.length < headerBytes + hashBytes) throw new Error(`log entry ${key.toString('hex')} is cut short`)
  const bytes = Buffer.from(value)
  const flags = bytes.readUInt8(flagsAt)
  return {
    seq: tables.log.decodeKey(key)[0],
    time: bytes.readUIntBE(0, 6),
    rulesVersion: bytes.readUInt16BE(6),
    mayHold: flags !== mayNotHold,
    flags,
    digest: bytes.subarray(digestAt, headerBytes),
    event: bytes.subarray(headerBytes, -hashBytes),
    hash: bytes.subarray(-hashBytes),
  }
}
