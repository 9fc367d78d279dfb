import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { author, startTime } from '../authors.ts'
import { find } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const [alice, bob, service] = [author(1), author(2), author(3)]
const protectedKind = 2_410
let temporary: TemporaryStore
beforeEach(() => {
  temporary = openTemporaryStore(event => event.pubkey === service.pubkey || event.kind === protectedKind)
})
afterEach(() => temporary.close())

const note = alice.sign({ content: 'note' })
const profile = alice.sign({ kind: 0 })
const article = alice.sign({ kind: 30_023, tags: [['d', 'a:b:c']] })
const articleAddress = `30023:${alice.pubkey}:a:b:c`
const deletion = alice.sign({ kind: 5, content: 'a mistake', created_at: startTime + 1 })
const request = alice.sign({ kind: protectedKind })
const vanish = alice.sign({ kind: 62, tags: [['relay', 'ALL_RELAYS']] })
const wrap = bob.sign({ kind: 1_059, tags: [['p', alice.pubkey]] })
const later = startTime + 5
const deleting = (...tags: string[][]) => alice.sign({ kind: 5, created_at: later, tags })

describe('a deletion request', () => {
  it.each([
    ['an event by id', note, ['e', note.id], true],
    ['an event by id and relay', note, ['e', note.id, 'wss://relay'], true],
    ['a replaceable event by id', profile, ['e', profile.id], true],
    ['a replaceable event by address', profile, ['a', `0:${alice.pubkey}:`], true],
    ['a replaceable event by address, whatever its `d`', profile, ['a', `0:${alice.pubkey}:x`], true],
    ['an addressable event by address, colons in its `d`', article, ['a', articleAddress], true],
    ['an addressable event by id', article, ['e', article.id], true],
    ['another address', article, ['a', `30023:${alice.pubkey}:a:b`], false],
    ['the address of a regular event', note, ['a', `1:${alice.pubkey}:`], false],
    ['an id in upper case', note, ['e', note.id.toUpperCase()], false],
    ['an id without a value', note, ['e'], false],
    ['no address', article, ['a', 'a:b:c'], false],
    ['an address beyond kinds', article, ['a', `95559:${alice.pubkey}:a:b:c`], false],
    ['an address of another', article, ['a', `30023:${bob.pubkey}:a:b:c`], false],
    ['a deletion', deletion, ['e', deletion.id], false],
    ['a protected event', request, ['e', request.id], false],
    ['a request to vanish', vanish, ['e', vanish.id], false],
    ['a message wrapped for it', wrap, ['e', wrap.id], true],
  ])('of the author for %s', (_case, event, tag, isDeleted) => {
    temporary.put(event)
    const asked = deleting(tag)
    expect(temporary.put(asked)).toBe('stored')
    expect(find(temporary.store, { ids: [event.id] })).toEqual(isDeleted ? [] : [event])
    expect(temporary.put(event)).toBe(isDeleted ? 'deleted' : 'duplicate')
    expect(find(temporary.store, { kinds: [5], since: later })).toEqual([asked])
  })

  it.each([
    ['an event', note, ['e', note.id], 'deleted'],
    ['an addressable event', article, ['a', articleAddress], 'deleted'],
    ['a replaceable event', profile, ['a', `0:${alice.pubkey}:`], 'deleted'],
    ['a deletion', deletion, ['e', deletion.id], 'stored'],
    ['a request to vanish', vanish, ['e', vanish.id], 'stored'],
    ['a message wrapped for it', wrap, ['e', wrap.id], 'deleted'],
  ])('that comes before %s', (_case, event, tag, outcome) => {
    temporary.put(deleting(tag))
    expect(temporary.put(event)).toBe(outcome)
  })

  it.each([
    ['by id', ['e', note.id], note],
    ['by address', ['a', articleAddress], article],
  ])('of another does nothing, before or after: %s', (_case, tag, event) => {
    const ofBob = (content: string) => bob.sign({ kind: 5, created_at: later, tags: [tag], content })
    temporary.put(ofBob('before'))
    expect(temporary.put(event)).toBe('stored')
    temporary.put(ofBob('after'))
    expect(find(temporary.store, { authors: [alice.pubkey] })).toEqual([event])
  })

  it.each([
    ['a message wrapped for another', bob, { kind: 1_059, tags: [['p', bob.pubkey]] }],
    ['one for a key that begins alike', bob, { kind: 1_059, tags: [['p', alice.pubkey.slice(0, 32).padEnd(64, '0')]] }],
    ['a note that mentions it', bob, { kind: 1, tags: [['p', alice.pubkey]] }],
    ['a message of the old kind', bob, { kind: 4, tags: [['p', alice.pubkey]] }],
    ['a message wrapped by the application', service, { kind: 1_059, tags: [['p', alice.pubkey]] }],
  ])('of a key leaves %s, stored or still to come', (_case, by, template) => {
    const [event, coming] = [by.sign(template), by.sign({ ...template, content: 'still to come' })]
    temporary.put(event)
    temporary.put(deleting(['e', event.id], ['e', coming.id]))
    expect(find(temporary.store, { ids: [event.id] })).toEqual([event])
    expect(temporary.put(coming, by === service)).toBe('stored')
  })

  it('of a message wrapped for several by one of them removes it for all', () => {
    const tags = [alice, bob, service].map(({ pubkey }) => ['p', pubkey])
    const shared = author(5).sign({ kind: 1_059, tags })
    temporary.put(shared)
    temporary.put(deleting(['e', shared.id]))
    expect(find(temporary.store, { kinds: [1_059] })).toEqual([])
    expect(temporary.put(shared)).toBe('deleted')
  })

  it('by address deletes versions up to its time and no later ones', () => {
    temporary.put(deleting(['a', articleAddress]))
    const version = (created_at: number) => alice.sign({ kind: 30_023, created_at, tags: [['d', 'a:b:c']] })
    expect(temporary.put(version(later))).toBe('deleted')
    const after = version(later + 1)
    expect(temporary.put(after)).toBe('stored')
    temporary.put(alice.sign({ kind: 5, created_at: later - 1, tags: [['a', articleAddress]] }))
    expect(find(temporary.store, { kinds: [30_023] })).toEqual([after])
    // An older request does not take back what a later one deleted.
    expect(temporary.put(version(later - 1))).toBe('deleted')
  })

  it('deletes everything it lists', () => {
    for (const event of [note, profile, article]) temporary.put(event)
    temporary.put(deleting(['e', note.id], ['k', '1'], ['e', profile.id], ['a', articleAddress], ['e', note.id]))
    expect(find(temporary.store, {})).toHaveLength(1)
  })

  it('leaves the application’s own events, also those that come later', () => {
    const before = alice.sign({ kind: protectedKind, content: 'before' })
    const after = alice.sign({ kind: protectedKind, content: 'after', tags: [['expiration', String(startTime)]] })
    const name = service.sign({ kind: 30_000, tags: [['d', 'alice']] })
    temporary.put(before, true)
    temporary.put(name, true)
    temporary.put(deleting(['e', before.id], ['e', after.id]))
    temporary.put(
      service.sign({
        kind: 5,
        created_at: later,
        tags: [
          ['e', name.id],
          ['a', `30000:${service.pubkey}:alice`],
        ],
      }),
    )
    expect(temporary.put(after, true)).toBe('stored')
    expect(find(temporary.store, { kinds: [protectedKind, 30_000] })).toHaveLength(3)
  })

  it('by id brings no older version back', () => {
    const newer = alice.sign({ kind: 0, created_at: startTime + 1 })
    temporary.put(profile)
    temporary.put(newer)
    temporary.put(deleting(['e', newer.id]))
    expect(find(temporary.store, { kinds: [0] })).toEqual([])
  })
})
