import fc from 'fast-check'
import { nip77 } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import { initiate, reconcile } from '../../../relay/negentropy/negentropy-reconcile.ts'
import { createVectorBuilder, type Vector } from '../../../relay/negentropy/negentropy-vector.ts'

type Item = { readonly created_at: number; readonly id: string }

/** Few times and ids that begin alike, so that bounds need many bytes of an id. */
const item = fc.record({
  created_at: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1_700_000_000, max: 1_700_000_100 })),
  id: fc
    .tuple(fc.constantFrom('00', 'ab', 'ff'), fc.constantFrom(0, 8, 31), fc.integer({ min: 0, max: 65_535 }))
    .map(([byte, shared, rest]) =>
      `${byte.repeat(shared)}${rest.toString(16).padStart(4, '0').repeat(16)}`.slice(0, 64),
    ),
})
const items = (maxLength: number) => fc.uniqueArray(item, { maxLength, size: 'max', selector: ({ id }) => id })

/** As a scan gives them: newest first, and in a second by 8 bytes of the id only. */
function vectorOf(list: readonly Item[]): Vector {
  const builder = createVectorBuilder()
  const key = ({ id }: Item) => id.slice(0, 16)
  const sorted = [...list].sort(
    (a, b) => b.created_at - a.created_at || (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0),
  )
  for (const { created_at, id } of sorted) builder.add(created_at, Buffer.from(id, 'hex'), 0)
  return finish(builder.seal())
}
function theirVectorOf(list: readonly Item[]): nip77.NegentropyStorageVector {
  const storage = new nip77.NegentropyStorageVector()
  for (const { created_at, id } of list) storage.insert(created_at, id)
  storage.seal()
  return storage
}
function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
const missingFrom = (a: readonly Item[], b: readonly Item[]) => {
  const ids = new Set(b.map(({ id }) => id))
  return a
    .filter(({ id }) => !ids.has(id))
    .map(({ id }) => id)
    .sort()
}

describe('reconciliation', () => {
  it('finds the differences of any two sets, whatever the size of frames', () => {
    const frames = fc.constantFrom(4_096, 5_000, 60_000)
    fc.assert(
      fc.property(items(200), items(200), items(100), frames, frames, (mine, theirs, both, ours, others) => {
        const known = new Set(both.map(({ id }) => id))
        const unlessKnown = (list: Item[]) => list.filter(({ id }) => !known.has(id))
        // An id has one time, here and there.
        const inTheirs = new Set(theirs.map(({ id }) => id))
        const a = [...unlessKnown(mine).filter(({ id }) => !inTheirs.has(id)), ...both]
        const b = [...unlessKnown(theirs), ...both]
        const [here, there] = [vectorOf(a), vectorOf(b)]
        const found = { here: new Set<string>(), there: new Set<string>() }
        let message = finish(initiate(here))
        for (let rounds = 0; ; rounds++) {
          expect(rounds).toBeLessThan(200)
          const answer = finish(reconcile(there, message, { frameBytes: others, differences: null }))
          if (answer.kind !== 'next') throw new Error(answer.kind)
          expect(answer.message.length).toBeLessThanOrEqual(others)
          const next = finish(
            reconcile(here, answer.message, {
              frameBytes: ours,
              differences: {
                here: index => void found.here.add(here.id(index).toString('hex')),
                there: id => void found.there.add(id.toString('hex')),
              },
            }),
          )
          if (next.kind === 'done') break
          if (next.kind !== 'next') throw new Error(next.reason)
          expect(next.message.length).toBeLessThanOrEqual(ours)
          message = next.message
        }
        expect([...found.here].sort()).toEqual(missingFrom(a, b))
        expect([...found.there].sort()).toEqual(missingFrom(b, a))
      }),
      { numRuns: 100 },
    )
  })

  it('comes to an end, however many ids just fit into a frame, or just do not', () => {
    for (let frameBytes = 4_096; frameBytes < 4_160; frameBytes++) {
      for (let count = 112; count < 126; count++) {
        const all = Array.from({ length: count }, (_, index) => ({ created_at: 7, id: `${index}`.padStart(64, '0') }))
        const [here, there] = [vectorOf([]), vectorOf(all)]
        const found = new Set<string>()
        const differences = { here: () => undefined, there: (id: Buffer) => void found.add(id.toString('hex')) }
        let message = finish(initiate(here))
        for (let rounds = 0; ; rounds++) {
          expect(rounds).toBeLessThan(5)
          const answer = finish(reconcile(there, message, { frameBytes, differences: null }))
          if (answer.kind !== 'next') throw new Error(answer.kind)
          expect(answer.message.length).toBeLessThanOrEqual(frameBytes)
          const next = finish(reconcile(here, answer.message, { frameBytes, differences }))
          if (next.kind !== 'next') break
          message = next.message
        }
        expect(found.size).toBe(count)
      }
    }
  })

  it('begins as nostr-tools does, byte for byte', () => {
    fc.assert(
      fc.property(items(150), list => {
        expect(finish(initiate(vectorOf(list))).toString('hex')).toBe(
          new nip77.Negentropy(theirVectorOf(list)).initiate(),
        )
      }),
      { numRuns: 100 },
    )
  })

  it('has the fingerprints and bounds of nostr-tools for every part', () => {
    fc.assert(
      fc.property(items(300), fc.nat(), fc.nat(), item, (list, x, y, { created_at, id }) => {
        const [ours, theirs] = [vectorOf(list), theirVectorOf(list)]
        const [begin = 0, end = 0] = [x % (list.length + 1), y % (list.length + 1)].sort((a, b) => a - b)
        expect(ours.fingerprint(begin, end).toString('hex')).toBe(
          Buffer.from(theirs.fingerprint(begin, end)).toString('hex'),
        )
        for (const length of [0, 1, 9, 32]) {
          const bound = { time: created_at, id: Buffer.from(id, 'hex').subarray(0, length) }
          expect(ours.lowerBound(begin, bound)).toBe(
            theirs.findLowerBound(begin, list.length, { timestamp: bound.time, id: new Uint8Array(bound.id) }),
          )
        }
      }),
      { numRuns: 200 },
    )
  })

  it('answers any bytes, or says what is wrong with them', () => {
    const vector = vectorOf(
      Array.from({ length: 100 }, (_, index) => ({ created_at: index, id: `${index}`.padStart(64, 'a') })),
    )
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x61, 0x80, 0xff), fc.integer({ min: 0, max: 255 }))
    const differences = { here: () => undefined, there: () => undefined }
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 300, size: 'max' }), fc.boolean(), (bytes, begins) => {
        const message = Buffer.from([0x61, ...bytes])
        const answer = finish(
          reconcile(vector, message, { frameBytes: 4_096, differences: begins ? differences : null }),
        )
        if (answer.kind === 'next') expect(answer.message.length).toBeLessThanOrEqual(4_096)
      }),
      { numRuns: 2_000 },
    )
  })

  it('does little in each step, so that a slice of time is never overrun', () => {
    const list = Array.from({ length: 20_000 }, (_, index) => ({ created_at: index, id: `${index}`.padStart(64, '0') }))
    let touched = 0
    const vector = vectorOf(list)
    const touch = (items: number) => {
      touched += items
    }
    const watched: Vector = {
      ...vector,
      time: index => {
        touch(1)
        return vector.time(index)
      },
      id: index => {
        touch(1)
        return vector.id(index)
      },
      // What a fingerprint and a search look at is bounded whatever their range.
      fingerprint: (begin, end) => {
        touch(128)
        return vector.fingerprint(begin, end)
      },
      lowerBound: (begin, bound) => {
        touch(20)
        return vector.lowerBound(begin, bound)
      },
    }
    const whole = (mode: number, ...rest: number[]) => Buffer.from([0x61, 0, 0, mode, ...rest])
    const differences = { here: () => undefined, there: () => undefined }
    const messages = [
      whole(1, ...Array<number>(16).fill(7)),
      whole(2, 0),
      Buffer.concat([whole(2, 0x81, 0xff, 0x7f), Buffer.alloc(32 * 32_767, 5)]),
      Buffer.concat([Buffer.of(0x61), Buffer.from('020000'.repeat(20_000), 'hex')]),
      Buffer.concat([Buffer.of(0x61), Buffer.from(`020001${'07'.repeat(16)}`.repeat(20_000), 'hex')]),
    ]
    for (const message of messages) {
      for (const begins of [null, differences]) {
        let most = 0
        for (const work = reconcile(watched, message, { frameBytes: 500_000, differences: begins }); ; ) {
          touched = 0
          const step = work.next()
          most = Math.max(most, touched)
          if (step.done) break
        }
        expect(most).toBeLessThan(1_000)
      }
    }
  })

  it('sums up vectors of many chunks as it does small ones', () => {
    const list = Array.from({ length: 9_000 }, (_, index) => ({
      created_at: Math.floor(index / 5_000),
      id: Buffer.from([index >> 8, index & 255, ...Array<number>(30).fill(0xff)]).toString('hex'),
    }))
    const [ours, theirs] = [vectorOf(list), theirVectorOf(list)]
    for (const [begin, end] of [
      [0, 9_000],
      [4_095, 4_097],
      [63, 8_193],
      [4_999, 5_001],
      [9_000, 9_000],
    ] as const) {
      expect(ours.fingerprint(begin, end).toString('hex')).toBe(
        Buffer.from(theirs.fingerprint(begin, end)).toString('hex'),
      )
    }
  })
})
