import { setTimeout as delay } from 'node:timers/promises'
import { protectionFault } from '../protected.ts'
import { recordEvent, recordJson, recordKind } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import type { Remote, SyncTimes } from './sync-remote.ts'
import { quoted, type SyncTally } from './sync-report.ts'

/** Gives the other side events of ours. */
export type Upload = {
  offer(id: Buffer): void
  /** Resolves when more may be offered, or the connection has ended. */
  room(): Promise<void>
  /** Resolves when all that was offered is answered. */
  settled(): Promise<void>
}

type Offered = { readonly id: Buffer; tries: number }

const nobody: ReadonlySet<string> = new Set()
const maxOffered = 20_000
const sentAtOnce = 100
/** An event that the other side is too busy for is offered so often. */
const maxTries = 60

/** Makes the upload; what is of restricted kinds, or protected (NIP-70), is not for others. */
export function createUpload(options: {
  remote: Remote
  store: EventStore
  restrictedKinds: ReadonlySet<number>
  tally: SyncTally
  times: SyncTimes
}): Upload {
  const { remote, store, restrictedKinds, tally, times } = options
  const offered: Offered[] = []
  const unanswered = new Map<string, Offered>()
  const waiting: (() => void)[] = []
  let patience: ReturnType<Remote['patience']> | null = null
  let isSending = false
  let isPausing = false

  const wake = () => {
    for (const go of waiting.splice(0)) go()
  }
  const send = async (): Promise<void> => {
    if (isSending) return
    isSending = true
    while (offered.length > 0 && unanswered.size < sentAtOnce && !isPausing && remote.isOpen()) {
      const entry = offered.shift()
      const json = entry === undefined ? null : jsonOf(entry.id)
      if (entry === undefined || json === null) continue
      unanswered.set(entry.id.toString('hex'), entry)
      patience ??= remote.patience()
      await remote.sendText(`["EVENT",${json}]`)
    }
    isSending = false
    wake()
  }

  /** The event as it is stored, unless it is gone or not for others. */
  const jsonOf = (id: Buffer): string | null => {
    const seq = store.seqOf(id)
    const record = seq === undefined ? undefined : store.record(seq)
    if (record === undefined) return skip('it is gone')
    if (restrictedKinds.has(recordKind(record))) return skip('it is for its parties only')
    if (protectionFault(recordEvent(record), nobody) !== null) return skip('it is protected by its author (NIP-70)')
    const { bytes, start, end } = recordJson(record)
    return bytes.toString('utf8', start, end)
  }
  const skip = (reason: string): null => {
    tally.skip('sent', reason)
    return null
  }

  const stopListening = remote.listen('OK', ([, id, accepted, message]) => {
    const entry = typeof id === 'string' ? unanswered.get(id) : undefined
    if (entry === undefined || typeof id !== 'string') return
    unanswered.delete(id)
    patience?.over()
    patience = unanswered.size > 0 ? remote.patience() : null
    if (accepted === true) tally.sent()
    else if (String(message).startsWith('rate-limited:') && ++entry.tries < maxTries) {
      offered.push(entry)
      pause()
    } else tally.skip('sent', `the other side: ${quoted(message)}`)
    void send()
  })
  const pause = () => {
    if (isPausing) return
    isPausing = true
    void delay(times.pauseMs).then(() => {
      isPausing = false
      void send()
    })
  }
  remote.onEnd(() => {
    patience?.over()
    stopListening()
    wake()
  })

  const until = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough() && remote.isOpen()) await new Promise<void>(resolve => waiting.push(resolve))
  }
  return {
    offer: id => {
      offered.push({ id, tries: 0 })
      void send()
    },
    room: () => until(() => offered.length < maxOffered),
    settled: () => until(() => offered.length === 0 && unanswered.size === 0),
  }
}
