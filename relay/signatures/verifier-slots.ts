import { pubkeyAt, signatureAt, wireBytes } from './wire-event.ts'

/** How many signatures can be with the thread at once. */
export const slotCount = 2_048
const slotBytes = wireBytes
/** Words of the control block: how many slots were filled, and how many answered, both counted without end. */
const filledAt = 0
const answeredAt = 1
/** Not zero when the thread shall end. */
const endingAt = 2
const controlBytes = 64

/** What the main thread and the verifying thread share: a ring of signatures to check, and of answers. */
export type Slots = {
  readonly shared: SharedArrayBuffer
  /** How many answers have been taken. */
  readonly taken: number
  /** id, author and signature. */
  add(bytes: Buffer): void
  /** Lets the thread see what was added, and wakes it. */
  hand(): void
  answered(): number
  takeAnswer(): boolean
  /** Asks the thread to end; what it has not begun with stays unanswered. */
  end(): void
}

/** Makes the main thread's end. */
export function createSlots(): Slots {
  const shared = new SharedArrayBuffer(controlBytes + slotCount * (slotBytes + 1))
  const control = new Int32Array(shared, 0, 3)
  const bytes = new Uint8Array(shared, controlBytes, slotCount * slotBytes)
  const answers = new Uint8Array(shared, controlBytes + slotCount * slotBytes, slotCount)
  let filled = 0
  let taken = 0
  return {
    shared,
    get taken() {
      return taken
    },
    add: wire => {
      bytes.set(wire, ((filled >>> 0) % slotCount) * slotBytes)
      filled = (filled + 1) | 0
    },
    hand: () => {
      Atomics.store(control, filledAt, filled)
      Atomics.notify(control, filledAt)
    },
    answered: () => Atomics.load(control, answeredAt),
    takeAnswer: () => {
      const isRight = answers[(taken >>> 0) % slotCount] === 1
      taken = (taken + 1) | 0
      return isRight
    },
    end: () => {
      Atomics.store(control, endingAt, 1)
      // It waits for this number to change.
      Atomics.add(control, filledAt, 1)
      Atomics.notify(control, filledAt)
    },
  }
}

/** The thread's end, until it is asked to end: checks what is handed over, and `tell`s after every few and at the end of what there is. */
export function answerSlots(
  shared: SharedArrayBuffer,
  isRight: (signature: Uint8Array, id: Uint8Array, publicKey: Uint8Array) => boolean,
  tell: () => void,
): void {
  const control = new Int32Array(shared, 0, 3)
  const bytes = new Uint8Array(shared, controlBytes, slotCount * slotBytes)
  const answers = new Uint8Array(shared, controlBytes + slotCount * slotBytes, slotCount)
  // Native code takes no shared memory.
  const slot = new Uint8Array(slotBytes)
  const id = slot.subarray(0, pubkeyAt)
  const publicKey = slot.subarray(pubkeyAt, signatureAt)
  const signature = slot.subarray(signatureAt)
  for (let answered = 0; ; ) {
    Atomics.wait(control, filledAt, answered)
    if (Atomics.load(control, endingAt) !== 0) return
    const filled = Atomics.load(control, filledAt)
    for (let untold = 0; answered !== filled; ) {
      const index = (answered >>> 0) % slotCount
      slot.set(bytes.subarray(index * slotBytes, (index + 1) * slotBytes))
      answers[index] = isRight(signature, id, publicKey) ? 1 : 0
      answered = (answered + 1) | 0
      if (++untold < answersAtOnce && answered !== filled) continue
      untold = 0
      Atomics.store(control, answeredAt, answered)
      tell()
    }
  }
}

/** A message to the main thread costs as much as a third of a verification. */
const answersAtOnce = 16
