import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { type Author, author, startTime } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { store, syncWith } from './sync-relays.ts'

const privateKinds = [4]

/**
 * An expired version of a replaceable event keeps older ones out until it is removed, and is not given to others: then two
 * relays do differ for some seconds. So only notes expire here; some events replace, delete or are private.
 */
const templates = fc.array(
  fc.record({
    who: fc.constantFrom(0, 1),
    kind: fc.constantFrom(1, 1, 1, 0, 4, 10_002, 30_023, 5),
    age: fc.integer({ min: 0, max: 30 }),
    d: fc.constantFrom('', 'a'),
    expires: fc.constantFrom(null, null, null, startTime + 1, startTime + 1_000),
    side: fc.constantFrom('here', 'there', 'both'),
    of: fc.nat(),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
)

type Templates = typeof templates extends fc.Arbitrary<infer List> ? List : never

function signed(list: Templates, authors: readonly Author[]): { event: NostrEvent; side: string }[] {
  const made: { event: NostrEvent; side: string }[] = []
  for (const [index, { who, kind, age, d, expires, side, of }] of list.entries()) {
    const target = made[of % Math.max(1, made.length)]?.event
    const tags =
      kind === 5 && target !== undefined
        ? [isReplaceable(target.kind) ? ['a', `${target.kind}:${target.pubkey}:`] : ['e', target.id]]
        : [['d', d], ...(expires === null || kind !== 1 ? [] : [['expiration', String(expires)]])]
    const signer = authors[who] as Author
    made.push({ event: signer.sign({ kind, created_at: startTime - age, tags, content: String(index) }), side })
  }
  return made
}

/**
 * Deleting the current version by its id leaves nothing where it had replaced an older one, and the older one where the
 * deletion came first: relays may differ there, whatever they tell each other. By its address, it does not matter.
 */
function isReplaceable(kind: number): boolean {
  return kind === 0 || kind >= 10_000
}

let relays: [Served, Served]
let run = 0
beforeAll(async () => {
  relays = [await serveRelay(), await serveRelay()]
})
afterAll(async () => {
  for (const served of relays) await served.close()
})

it('leaves two relays with the same public events, and each with the private ones that it had', async () => {
  const [here, there] = relays
  await fc.assert(
    fc.asyncProperty(templates, async list => {
      // Authors of its own for each run are cheaper than relays of its own.
      run = (run + 2) % 250
      const authors = [author(run + 1), author(run + 2)]
      const filter = { authors: authors.map(({ pubkey }) => pubkey) }
      const made = signed(list, authors)
      for (const served of relays) served.time = startTime
      await store(
        here,
        made.filter(({ side }) => side !== 'there').map(({ event }) => event),
      )
      await store(
        there,
        made.filter(({ side }) => side !== 'here').map(({ event }) => event),
      )
      for (const served of relays) served.time = startTime + 10
      const publicOf = (served: Served) =>
        served.relay
          .find(filter)
          .filter(({ kind }) => !privateKinds.includes(kind))
          .map(({ id }) => id)
      const privateBefore = relays.map(served => privateIds(served, filter))
      const report = await syncWith(here, there.url, { filter })
      expect(report.stopped).toBeNull()
      expect(publicOf(here)).toEqual(publicOf(there))
      // Private events are neither given nor taken; a deletion that comes may remove them.
      for (const [index, served] of relays.entries()) {
        for (const id of privateIds(served, filter)) expect(privateBefore[index]).toContain(id)
      }
      // What is settled once stays so.
      const again = await syncWith(here, there.url, { filter })
      expect(again).toMatchObject({ received: 0, sent: 0, notReceived: 0, notSent: 0, rounds: 1, stopped: null })
    }),
    { numRuns: 25, endOnFailure: true },
  )
}, 120_000)

function privateIds(served: Served, filter: object): string[] {
  return served.relay.find({ ...filter, kinds: privateKinds }).map(({ id }) => id)
}
