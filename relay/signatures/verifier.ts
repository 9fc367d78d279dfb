import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { VerifiedEvent } from '../event.ts'
import { createPacedQueue } from '../paced-queue.ts'
import type { Secp256k1 } from './secp256k1.ts'
import { createSlots, type Slots, slotCount } from './verifier-slots.ts'
import { signatureAt, type WireEvent } from './wire-event.ts'

/** Checks signatures beside the main thread, where there are cores for it. */
export type Verifier = {
  /** Calls back in the order of asking, with the event as verified or `null`; on this turn when there is no thread. */
  verify(wire: WireEvent, done: (verified: WireEvent<VerifiedEvent> | null) => void): void
  /** How many wait for their answer. */
  pending(): number
  close(): Promise<void>
}

type Answer = (verified: WireEvent<VerifiedEvent> | null) => void
type Asked = { readonly wire: WireEvent; readonly done: Answer }

/** Of answers on one turn of the event loop. */
const answersMs = 1
/**
 * Waking a thread that sleeps takes longer than a verification, and it begins in place of whoever ran there, often of us.
 * An event that comes alone does not wait.
 */
const wakeEveryMs = 4

/** Makes the verifier. A thread that cannot start or dies leaves its work to the main thread. */
export function createVerifier(options: {
  secp: Secp256k1
  /** Starts the thread with what it shares with us, or says that there is none. */
  startThread?: (slots: Slots) => Worker | null
  nowMs?: () => number
  onError(error: unknown): void
}): Verifier {
  const { secp, startThread = startVerifierThread, nowMs = () => performance.now(), onError } = options
  const slots = createSlots()
  /** What has been answered is let go at once: with it goes all that hangs on the answer. */
  const waiting: (Asked | undefined)[] = []
  /** The first that has not been answered, and how many of those after it are in slots. */
  let first = 0
  let inSlots = 0
  let isScheduled = false
  let handedAtMs = Number.NEGATIVE_INFINITY
  let worker = startThread(slots)

  const check = (wire: WireEvent): WireEvent<VerifiedEvent> | null => {
    const isRight = secp.verify(wire.bytes.subarray(signatureAt), wire.id, wire.pubkey)
    return isRight ? (wire as WireEvent<VerifiedEvent>) : null
  }

  /** A fault in dealing with one event must not keep the others from their answers. */
  const tell = ({ done }: Asked, verified: WireEvent<VerifiedEvent> | null) => {
    try {
      done(verified)
    } catch (error) {
      onError(error)
    }
  }

  const answer = () => {
    const answered = slots.answered()
    while (inSlots > 0 && slots.taken !== answered) {
      const asked = waiting[first]
      waiting[first++] = undefined
      inSlots--
      const isRight = slots.takeAnswer()
      if (asked !== undefined) answers.push({ asked, isRight })
    }
    if (first >= slotCount) {
      waiting.splice(0, first)
      first = 0
    }
    schedule()
  }

  /** Dealing with an event whose signature is right takes half as long as checking it. */
  const answers = createPacedQueue<{ asked: Asked; isRight: boolean }>({
    budgetMs: answersMs,
    handle: ({ asked, isRight }) => tell(asked, isRight ? (asked.wire as WireEvent<VerifiedEvent>) : null),
  })

  /** At the end of this turn, so that what came on it goes together, or once the thread may be woken again. */
  const schedule = () => {
    if (isScheduled || inSlots === slotCount || waiting.length === first + inSlots) return
    isScheduled = true
    const waitMs = handedAtMs + wakeEveryMs - nowMs()
    if (waitMs > 0) setTimeout(ask, waitMs)
    else setImmediate(ask)
  }

  const ask = () => {
    isScheduled = false
    if (worker === null) return
    let asked = waiting[first + inSlots]
    if (asked === undefined) return
    for (; asked !== undefined && inSlots < slotCount; asked = waiting[first + inSlots]) {
      slots.add(asked.wire.bytes)
      inSlots++
    }
    slots.hand()
    handedAtMs = nowMs()
  }

  const lose = (error?: unknown) => {
    if (worker === null) return
    worker = null
    if (error !== undefined) onError(error)
    inSlots = 0
    const left = waiting.splice(0).slice(first)
    first = 0
    for (const asked of left) if (asked !== undefined) answers.push({ asked, isRight: check(asked.wire) !== null })
  }
  worker
    ?.on('message', answer)
    .on('error', lose)
    .on('exit', () => lose())
  worker?.unref()

  return {
    verify: (wire, done) => {
      if (worker === null) return done(check(wire))
      waiting.push({ wire, done })
      schedule()
    },
    pending: () => waiting.length - first + answers.length(),
    close: async () => {
      const ending = worker
      lose()
      if (ending === null) return
      // Asked to end, not terminated: a thread that is stopped while it loads native code takes the process with it.
      const ended = new Promise(resolve => ending.on('exit', resolve))
      ending.ref()
      slots.end()
      await ended
    },
  }
}

/** On a machine with one core a thread would only take turns with us. Sources that are not compiled have none. */
function startVerifierThread(slots: Slots): Worker | null {
  if (availableParallelism() < 2 || import.meta.url.endsWith('.ts')) return null
  return new Worker(new URL('./verifier-thread.js', import.meta.url), { workerData: slots.shared })
}
