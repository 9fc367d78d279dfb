import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { followAliases, maxAliasHops, wouldLoop } from '../../../src/domain/identifiers/aliases.ts'
import { resolveIdentity } from '../../../src/domain/identifiers/resolve.ts'
import type { Record } from '../../../src/store/tables.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf } from '../service.ts'
import { openTemporary } from '../store/open-environment.ts'

const domain = 'example.com'
const owner = keyOf(2).publicKey
const other = keyOf(3).publicKey

let store: ReturnType<typeof openTemporary>
beforeAll(() => {
  store = openTemporary()
})
afterAll(() => store.close())
const reader = () => store.environment.reader

/** Makes these names, each an alias of the name that its number points to, or of none. */
function aliases(targets: readonly (number | null)[]): void {
  names(targets.map(target => (target === null ? [] : [record('CNAME', `n${target}@${domain}`)])))
}

function names(records: readonly Record[][]): void {
  store.write(tx => {
    for (const { key } of tx.range(tables.identifiers, [])) tx.delete(tables.identifiers, key)
    for (const [index, own] of records.entries()) {
      const row = {
        status: 'active' as const,
        owner,
        since: 0,
        expiresAt: 1,
        version: 1,
        relays: [],
        records: own,
        publishedAt: 0,
      }
      tx.put(tables.identifiers, [domain, `n${index}`], row)
    }
    tx.put(tables.domains, [domain], {
      basePriceMsat: 0,
      pricePerCharMsat: 0,
      ttlSeconds: 900,
      open: true,
      fiat: null,
      createdAt: 0,
    })
  })
}

function record(type: Record['type'], value: string, priority = 0, ttlSeconds = 3_600): Record {
  return { type, value, priority, ttlSeconds }
}

const name = (index: number) => ({ name: `n${index}`, domain })
/** Each name an alias of the next, `hops` times. */
const chain = (hops: number) => [...Array.from({ length: hops }, (_, index) => index + 1), null]
/** Each name an alias of the next, and the last of the first. */
const loop = (length: number) => Array.from({ length }, (_, index) => (index + 1) % length)

describe('following aliases', () => {
  it.each([
    { case: 'no alias', targets: chain(0), end: 'n0' },
    { case: 'one alias', targets: chain(1), end: 'n1' },
    { case: 'as many as are followed', targets: chain(maxAliasHops), end: 'n8' },
    { case: 'one more', targets: chain(maxAliasHops + 1), end: null },
    { case: 'an alias of nobody', targets: [5], end: null },
    { case: 'an alias of itself', targets: loop(1), end: null },
    { case: 'a loop of 2', targets: loop(2), end: null },
    { case: 'a loop of 8', targets: loop(8), end: null },
    { case: 'a loop further on', targets: [1, 2, 1], end: null },
  ])('with $case leads to $end', ({ targets, end }) => {
    aliases(targets)
    expect(followAliases(reader(), name(0))?.identifier.name ?? null).toBe(end)
  })

  it('ends where a naive walk ends, in any web of aliases', () => {
    const web = fc.array(fc.option(fc.nat({ max: 12 })), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(web, targets => {
        aliases(targets)
        let at: number | null = 0
        for (let hops = 0; at !== null && hops < maxAliasHops && typeof targets[at] === 'number'; hops++) {
          at = targets[at] ?? null
        }
        const end = at !== null && targets[at] === null ? `n${at}` : null
        expect(followAliases(reader(), name(0))?.identifier.name ?? null).toBe(end)
      }),
    )
  })
})

describe('an alias', () => {
  it.each([
    { case: 'of itself', targets: chain(0), target: 0, loops: true },
    { case: 'of an alias of itself', targets: [null, 0], target: 1, loops: true },
    { case: 'that closes a loop of 8', targets: [null, 2, 3, 4, 5, 6, 7, 0], target: 1, loops: true },
    { case: 'of a name that is in a loop', targets: [null, 2, 1], target: 1, loops: true },
    { case: 'of a name', targets: [null, null], target: 1, loops: false },
    { case: 'of a name not registered', targets: [null], target: 9, loops: false },
    { case: 'that makes a chain of 8', targets: [null, 2, 3, 4, 5, 6, 7, 8, null], target: 1, loops: false },
    { case: 'that makes a chain of 9', targets: [null, 2, 3, 4, 5, 6, 7, 8, 9, null], target: 1, loops: true },
  ])('$case would loop or go on too long: $loops', ({ targets, target, loops }) => {
    aliases(targets)
    expect(wouldLoop(reader(), name(0), name(target))).toBe(loops)
  })

  it('is not refused for the aliases behind it, which lead nowhere once the chain is too long for them', () => {
    aliases([...chain(maxAliasHops), null])
    expect(wouldLoop(reader(), name(maxAliasHops), name(maxAliasHops + 1))).toBe(false)
    aliases(chain(maxAliasHops + 1))
    expect(followAliases(reader(), name(0))).toBeNull()
    expect(followAliases(reader(), name(1))?.identifier.name).toBe('n9')
  })

  it('that was allowed can be followed, unless it leads to nobody', () => {
    const web = fc.array(fc.option(fc.nat({ max: 11 })), { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(web, fc.nat({ max: 11 }), (targets, target) => {
        const before = [null, ...targets.slice(1)]
        aliases(before)
        const allowed = !wouldLoop(reader(), name(0), name(target))
        aliases([target, ...before.slice(1)])
        expect(followAliases(reader(), name(0)) !== null).toBe(allowed)
      }),
    )
  })
})

describe('the key of a name', () => {
  it.each([
    { case: 'is its owner', own: [], publicKey: owner, ttlSeconds: 900 },
    { case: 'is its NOSTR record', own: [record('NOSTR', other)], publicKey: other, ttlSeconds: 3_600 },
    {
      case: 'is the NOSTR record of the lowest priority number',
      own: [record('NOSTR', owner, 5), record('NOSTR', other, 1, 60)],
      publicKey: other,
      ttlSeconds: 60,
    },
    {
      case: 'is the first of two NOSTR records of one priority',
      own: [record('TXT', 'x'), record('NOSTR', other), record('NOSTR', owner)],
      publicKey: other,
      ttlSeconds: 3_600,
    },
    { case: 'is that of its alias', own: [record('CNAME', 'n1@example.com')], publicKey: other, ttlSeconds: 120 },
  ])('$case', ({ own, publicKey, ttlSeconds }) => {
    names([own, [record('NOSTR', other, 0, 120)]])
    expect(resolveIdentity(reader(), name(0))).toEqual({ publicKey, relays: [], ttlSeconds })
  })

  it('is nobody for a name that is not registered, or whose alias leads nowhere', () => {
    names([[record('CNAME', 'n7@example.com')]])
    expect(resolveIdentity(reader(), name(7))).toBeNull()
    expect(resolveIdentity(reader(), name(0))).toBeNull()
  })
})
