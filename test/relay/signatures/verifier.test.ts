import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { VerifiedEvent } from '../../../relay/event.ts'
import { loadSecp256k1 } from '../../../relay/signatures/secp256k1-load.ts'
import { createVerifier, type Verifier } from '../../../relay/signatures/verifier.ts'
import { type Slots, slotCount } from '../../../relay/signatures/verifier-slots.ts'
import { ownWireEvent, pubkeyAt, signatureAt, type WireEvent } from '../../../relay/signatures/wire-event.ts'
import { author } from '../authors.ts'

const secp = await loadSecp256k1()
const [alice, bob] = [author(1), author(2)]
const right = ownWireEvent(alice.sign({ content: 'right' }))
const wrong = withAuthor(ownWireEvent(bob.sign({ content: 'wrong' })), alice.pubkey)
const nowhere = withAuthor(right, 'f'.repeat(64))

/** As if another had signed it. */
function withAuthor(wire: WireEvent, author: string): WireEvent {
  const bytes = Buffer.from(wire.bytes)
  bytes.write(author, pubkeyAt, 'hex')
  return { ...wire, bytes, pubkey: bytes.subarray(pubkeyAt, signatureAt) }
}

/** What node runs is compiled; here a loader stands before the sources. */
function startThread(slots: Slots): Worker {
  const url = new URL('../../../relay/signatures/verifier-thread.ts', import.meta.url)
  const code = `import('tsx/esm/api').then(tsx => (tsx.register(), import(${JSON.stringify(url)})))`
  return new Worker(code, { eval: true, workerData: slots.shared })
}

let verifier: Verifier
const errors: unknown[] = []
afterEach(async () => {
  vi.useRealTimers()
  await verifier.close()
  expect(errors.splice(0)).toEqual([])
})

function create(start: (slots: Slots) => Worker | null): void {
  verifier = createVerifier({ secp, startThread: start, onError: error => void errors.push(error) })
}

function verify(wire: WireEvent): Promise<WireEvent<VerifiedEvent> | null> {
  return new Promise(resolve => verifier.verify(wire, resolve))
}

describe.each([
  ['on the main thread', () => null],
  ['on a thread', startThread],
])('signatures checked %s', (_where, start) => {
  it('are right or not', async () => {
    create(start)
    expect(await Promise.all([verify(right), verify(wrong), verify(nowhere), verify(right)])).toEqual([
      right,
      null,
      null,
      right,
    ])
    expect(verifier.pending()).toBe(0)
  })

  it('are answered in the order of asking, more of them than the thread can have at once too', async () => {
    create(start)
    const answers: (readonly [number, boolean])[] = []
    await new Promise<void>(resolve => {
      for (let index = 0; index < slotCount * 2 + 10; index++) {
        verifier.verify(index % 3 === 0 ? wrong : right, verified => {
          answers.push([index, verified !== null])
          if (answers.length === slotCount * 2 + 10) resolve()
        })
      }
    })
    expect(answers).toEqual(answers.map((_, index) => [index, index % 3 !== 0]))
  })
})

describe('a thread', () => {
  it('that ends leaves what it had to the main thread', async () => {
    let worker: Worker | undefined
    create(slots => {
      worker = startThread(slots)
      return worker
    })
    await verify(right)
    const answers = Promise.all([verify(right), verify(wrong)])
    void worker?.terminate()
    expect(await answers).toEqual([right, null])
    expect(await verify(right)).toBe(right)
  })

  it.each([
    ['starts', () => undefined],
    ['works', () => verify(right)],
    ['has much to do', async () => void Array.from({ length: slotCount }, () => verify(right))],
  ])('is not stopped but ends by itself when it is closed while it %s', async (_what, begin) => {
    let worker: Worker | undefined
    create(slots => {
      worker = startThread(slots)
      return worker
    })
    await begin()
    const exitCode = new Promise(resolve => worker?.on('exit', resolve))
    await verifier.close()
    // A thread that was stopped says 1.
    expect(await exitCode).toBe(0)
  })

  it('that cannot start is done without, which is said', async () => {
    create(slots => new Worker(new URL('no-such-file.js', import.meta.url), { workerData: slots.shared }))
    expect(await Promise.all([verify(wrong), verify(right)])).toEqual([null, right])
    expect(errors.splice(0)).toHaveLength(1)
  })

  it('is woken at once for an event that comes alone, and once for all that come within four milliseconds', async () => {
    let wakes = 0
    const start = (slots: Slots) => {
      const { hand } = slots
      slots.hand = () => {
        wakes++
        hand()
      }
      return startThread(slots)
    }
    verifier = createVerifier({ secp, startThread: start, nowMs: () => 0, onError: error => void errors.push(error) })
    expect(await verify(right)).toBe(right)
    expect(wakes).toBe(1)
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const answers: Promise<unknown>[] = []
    for (let turn = 0; turn < 5; turn++) {
      answers.push(verify(right))
      await new Promise(setImmediate)
    }
    vi.advanceTimersByTime(3)
    await new Promise(setImmediate)
    expect(wakes).toBe(1)
    vi.advanceTimersByTime(1)
    vi.useRealTimers()
    expect(await Promise.all(answers)).toEqual(answers.map(() => right))
    expect(wakes).toBe(2)
  })

  it('goes on answering when dealing with one answer fails', async () => {
    create(startThread)
    verifier.verify(right, () => {
      throw new Error('not ready for it')
    })
    expect(await verify(right)).toBe(right)
    expect(errors.splice(0)).toEqual([new Error('not ready for it')])
  })
})
