import { setTimeout as delay } from 'node:timers/promises'
import type { Origin } from '../host.ts'
import { createPace } from '../pace.ts'
import type { Submitted } from '../submitted.ts'
import { createImportTally, type ImportReport } from './import-report.ts'
import { splitLines } from './lines.ts'

/** How much of an import may be under way at once, and how much may wait in the relay for it to go on. */
export type ImportShare = {
  readonly events: number
  /** Signatures that wait for their check, everybody's: a client's waits behind them. */
  readonly unverified: number
  /** Writes that wait, beyond the import's own. */
  readonly queued: number
}

/** Beside clients, who shall notice little of it. */
export const modestShare: ImportShare = { events: 256, unverified: 32, queued: 100 }
/** With the relay to itself. */
export const wholeShare: ImportShare = { events: 1_000, unverified: 1_000, queued: 10_000 }

/** An import under way. */
export type Import = {
  report(): ImportReport
  /** Resolves when all that was read is durable or skipped; rejects, then too, when reading failed. */
  readonly done: Promise<ImportReport>
}

type Line = { readonly value: unknown; readonly number: number; readonly bytes: number }

/** An event of the largest size may have each of its characters escaped, and strfry's `fried` field behind it. */
const bytesPerEventByte = 8
const maxBytesUnderWay = 8_388_608
/** Of a turn of the event loop. */
const turnMs = 1
const restMs = 1
const busyRestMs = 50

/**
 * Brings in events from JSON lines, as strfry exports and reads them; `["EVENT", …]` around an event does no harm. All of
 * them go the way of a client's event, except that dates, policies and protection (NIP-70) are not asked for: some relay
 * took them once. What cannot be used is skipped and counted; the first fault of the storage ends it.
 */
export function importLines(options: {
  /** Bytes, cut anywhere. */
  chunks: AsyncIterable<Uint8Array>
  /** Where they come from, for the host. */
  name: string
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  load(): { readonly unverified: number; readonly queued: number }
  maxEventBytes: number
  share?: ImportShare
  /** Ends it early; what is under way is still waited for. */
  signal?: AbortSignal
}): Import {
  const { chunks, name, submit, load, maxEventBytes, share = modestShare, signal } = options
  const origin: Origin = { source: 'import', ip: name, authenticated: new Set() }
  const tally = createImportTally()
  const isOver = createPace(turnMs)
  /** Those that the relay was too busy for. */
  const again: Line[] = []
  let underWay = 0
  let bytesUnderWay = 0
  let isStopped = false
  let wake = () => {}

  const take = (line: Line): void => {
    let isUnderWay = true
    underWay++
    bytesUnderWay += line.bytes
    const end = () => {
      if (!isUnderWay) return
      isUnderWay = false
      underWay--
      bytesUnderWay -= line.bytes
    }
    try {
      submit(line.value, origin, outcome => {
        end()
        settle(line, outcome)
        wake()
      })
    } catch (error) {
      // A fault of the relay: nobody would ever say that this one is over.
      end()
      throw error
    }
  }

  const settle = (line: Line, { accepted, message }: Submitted): void => {
    if (accepted) {
      if (message.startsWith('duplicate:')) tally.duplicate()
      else tally.added()
    } else if (message.startsWith('rate-limited:')) {
      again.push(line)
    } else {
      tally.skip(message, line.number)
      // A disk that is full or broken would refuse all the rest too.
      if (message.startsWith('error:')) stop(`line ${line.number}: ${message}`)
    }
  }

  const stop = (reason: string): void => {
    isStopped = true
    tally.stop(reason)
  }

  const isBusy = (): boolean => {
    const { unverified, queued } = load()
    return (
      underWay >= share.events ||
      bytesUnderWay >= maxBytesUnderWay ||
      unverified >= share.unverified ||
      queued - underWay >= share.queued
    )
  }

  /** Resolves when one more event may be taken. */
  const room = async (): Promise<void> => {
    if (isOver()) await new Promise(setImmediate)
    while (!isStopped) {
      if (signal?.aborted) stop('it was ended')
      const line = again.pop()
      if (line !== undefined) {
        await delay(busyRestMs)
        take(line)
      } else if (isBusy()) await delay(restMs)
      else return
    }
  }

  /** Resolves when nothing is under way. */
  const settled = async (): Promise<void> => {
    for (;;) {
      if (underWay > 0) await new Promise<void>(resolve => (wake = resolve))
      else if (again.length > 0 && !isStopped) await room()
      else return
    }
  }

  const read = async (): Promise<void> => {
    let number = 0
    for await (const batch of splitLines(chunks, maxEventBytes * bytesPerEventByte)) {
      for (const bytes of batch) {
        // Before the line is looked at, so that one that is not taken is not counted as read.
        await room()
        if (isStopped) return
        number++
        tally.line()
        const parsed = bytes === null ? tooLong : parseLine(bytes)
        if (parsed.kind === 'event') take({ value: parsed.event, number, bytes: bytes?.length ?? 0 })
        else if (parsed.kind === 'skip') tally.skip(parsed.reason, number)
      }
    }
  }

  const run = async (): Promise<ImportReport> => {
    try {
      await read()
    } finally {
      await settled()
    }
    for (const line of again) tally.skip('rate-limited: the relay was too busy', line.number)
    return tally.report()
  }

  return { report: tally.report, done: run() }
}

type ParsedLine =
  | { readonly kind: 'event'; readonly event: unknown }
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'empty' }

const tooLong: ParsedLine = { kind: 'skip', reason: 'the line is too long' }
const notJson: ParsedLine = { kind: 'skip', reason: 'the line is not JSON' }
const empty: ParsedLine = { kind: 'empty' }

function parseLine(bytes: Buffer): ParsedLine {
  const text = bytes.toString()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text.trim() === '' ? empty : notJson
  }
  return { kind: 'event', event: Array.isArray(value) && value[0] === 'EVENT' ? value.at(-1) : value }
}
