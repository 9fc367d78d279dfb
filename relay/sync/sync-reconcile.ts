import { loadVector } from '../negentropy/negentropy-load.ts'
import { type Differences, initiate, reconcile } from '../negentropy/negentropy-reconcile.ts'
import type { Vector } from '../negentropy/negentropy-vector.ts'
import type { Filter } from '../query/filter.ts'
import type { Visible } from '../query/query.ts'
import type { EventStore } from '../store/store.ts'
import type { Download } from './sync-download.ts'
import type { Remote } from './sync-remote.ts'
import { quoted, type SyncTally } from './sync-report.ts'
import type { Upload } from './sync-upload.ts'
import type { Window } from './sync-windows.ts'

/** What came of a window: the differences are settled, or it has to be smaller, begun again, or gone through otherwise. */
export type WindowOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'too big' }
  /** The other side has forgotten it meanwhile. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'lost' }

/** In hex it fits into what relays take. */
const frameBytes = 60_000
const sliceMs = 2
/** An honest exchange takes a few dozen rounds, and more the more it finds. */
const maxRounds = 2_000
const findsPerRound = 32
const hexForm = /^[0-9a-f]+$/i

/** Reconciles what is here with what is there, one window of time at a time. */
export function createReconciler(options: {
  remote: Remote
  store: EventStore
  visible: Visible
  /** As it is sent, without times. */
  wanted: Readonly<Record<string, unknown>>
  maxEvents: number
  /** `null`: this way is not wanted. */
  download: Download | null
  upload: Upload | null
  tally: SyncTally
  now(): number
}): (window: Window, filter: Filter) => Promise<WindowOutcome> {
  const { remote, store, visible, wanted, maxEvents, download, upload, tally, now } = options
  let opened = 0
  let found = 0

  /** Counts each difference once, though it is told again. */
  const differencesOf = (vector: Vector): Differences => {
    const isTold = new Uint8Array(upload === null ? 0 : vector.size)
    return {
      here: index => {
        if (upload === null || isTold[index] === 1) return
        isTold[index] = 1
        found++
        upload.offer(Buffer.from(vector.id(index)))
      },
      there: id => {
        if (download?.want(id)) found++
      },
    }
  }
  const room = async () => {
    await download?.room()
    await upload?.room()
  }

  const exchange = async (vector: Vector, window: Window): Promise<WindowOutcome> => {
    const name = `n${opened++}`
    const replies: (readonly unknown[])[] = []
    let wake = () => {}
    const hear = (message: readonly unknown[]) => {
      // One message is answered by one.
      if (replies.push(message) > 2) remote.end('it answers what it was not asked')
      wake()
    }
    const stops = [
      remote.listen(`negentropy ${name}`, hear),
      remote.listen(`subscription ${name}`, hear),
      remote.listen('NOTICE', message => {
        if (rounds === 1 && isAboutCommands(message[1])) hear(message)
      }),
      remote.onEnd(() => wake()),
    ]
    const reply = async (): Promise<readonly unknown[] | null> => {
      const patience = remote.patience()
      while (replies.length === 0 && remote.isOpen()) await new Promise<void>(resolve => (wake = resolve))
      patience.over()
      return replies.shift() ?? null
    }
    let rounds = 1
    const foundBefore = found
    const differences = differencesOf(vector)
    try {
      const first = await workOff(initiate(vector), async () => undefined)
      tally.round()
      await remote.send(['NEG-OPEN', name, { ...wanted, ...timesOf(window) }, first.toString('hex')])
      for (;;) {
        const answer = await reply()
        if (answer === null) return { kind: 'lost' }
        const [verb, , text] = answer
        if (verb !== 'NEG-MSG') return refusal(answer, rounds)
        if (typeof text !== 'string' || text.length % 2 !== 0 || !hexForm.test(text)) {
          return { kind: 'refused', reason: 'it sends no negentropy' }
        }
        const message = Buffer.from(text, 'hex')
        const reconciled = await workOff(reconcile(vector, message, { frameBytes, differences }), room)
        if (reconciled.kind === 'done') return { kind: 'done' }
        if (reconciled.kind === 'fault')
          return { kind: 'refused', reason: `it sends no negentropy: ${reconciled.reason}` }
        if (++rounds > maxRounds + (found - foundBefore) / findsPerRound) {
          return { kind: 'refused', reason: 'it comes to no end' }
        }
        tally.round()
        await remote.send(['NEG-MSG', name, reconciled.message.toString('hex')])
      }
    } finally {
      for (const stop of stops) stop()
      void remote.send(['NEG-CLOSE', name])
    }
  }

  return async (window, filter) => {
    const loading = loadVector(store, filter, {
      now: now(),
      visible,
      maxEvents,
      take: () => true,
      giveBack: () => undefined,
    })
    const loaded = await workOff(loading, async () => undefined)
    if (loaded.kind !== 'vector') return { kind: 'too big' }
    const outcome = await exchange(loaded.vector, window)
    await download?.settled()
    await upload?.settled()
    return remote.isOpen() || outcome.kind === 'refused' ? outcome : { kind: 'lost' }
  }
}

/** The times of a window as fields of a filter. */
export function timesOf({ since, until }: Window): { since?: number; until?: number } {
  return { ...(since > 0 ? { since } : {}), ...(until === null ? {} : { until }) }
}

/** Does work in slices, each on a turn of its own, and waits for `room` between them. */
async function workOff<T>(work: Generator<void, T>, room: () => Promise<void>): Promise<T> {
  for (;;) {
    await new Promise(setImmediate)
    const endMs = performance.now() + sliceMs
    do {
      const step = work.next()
      if (step.done) return step.value
    } while (performance.now() < endMs)
    await room()
  }
}

function refusal([verb, , text]: readonly unknown[], rounds: number): WindowOutcome {
  const reason = quoted(verb === 'NOTICE' ? undefined : text)
  if (verb !== 'NEG-ERR') return { kind: 'unsupported', reason }
  if (/^(auth-required|restricted):/.test(reason)) return { kind: 'refused', reason }
  if (/^(blocked|rate-limited):/.test(reason) || /too (big|many|large)/i.test(reason)) return { kind: 'too big' }
  if (/^closed:/.test(reason)) return { kind: 'closed' }
  return rounds === 1 ? { kind: 'unsupported', reason } : { kind: 'refused', reason }
}

/** How relays say that they do not know a message, or that it is switched off. */
function isAboutCommands(notice: unknown): boolean {
  return (
    typeof notice === 'string' && /neg|unknown|unrecogni[sz]ed|unsupported|invalid|pars|bad msg|command/i.test(notice)
  )
}
