import { describe, expect, it } from 'vitest'
import { encodeEvent, eventId, kindClass, serializeForId, tagValue } from '../../../relay/event.ts'
import { hasRightId, parseEvent, verifySignature } from '../../../relay/signatures/verify.ts'
import { anySecp256k1, author } from '../authors.ts'
import { implementations } from './secp256k1-implementations.ts'

const limits = { maxTags: 3, maxTagValueLength: 100, maxEventBytes: 2_000 }
const good = author(1).sign({ tags: [['t', 'x'], ['-']], content: 'hello "ä" \n \u0000 🐼' })

describe('an event off the wire', () => {
  it('is taken as it is, its seven fields only, in canonical order', () => {
    const { sig, ...rest } = good
    const parsed = parseEvent({ sig, extra: 1, ...rest, ['__proto__']: { kind: 7 } }, limits)
    expect(parsed).toEqual({ ok: true, event: good })
    if (parsed.ok) expect(Object.keys(parsed.event)).toEqual(Object.keys(JSON.parse(encodeEvent(good)) as object))
  })

  it.each([
    ['null', null, /an object/],
    ['a list', [good], /an object/],
    ['a string', 'event', /an object/],
  ])('is refused without an id to name: %s', (_case, value, reason) => {
    expect(parseEvent(value, limits)).toEqual({ ok: false, id: null, reason: expect.stringMatching(reason) })
  })

  it.each([
    ['no id', { id: undefined }],
    ['a short id', { id: good.id.slice(1) }],
    ['an upper-case id', { id: good.id.toUpperCase() }],
    ['an id that is no hex', { id: 'g'.repeat(64) }],
    ['an id with a line end', { id: `${good.id}\n` }],
    ['an id in a list', { id: [good.id] }],
  ])('is refused without an id to name: %s', (_case, change) => {
    expect(parseEvent({ ...good, ...change }, limits)).toMatchObject({ ok: false, id: null })
  })

  it.each([
    ['no key', { pubkey: undefined }, /pubkey/],
    ['an upper-case key', { pubkey: good.pubkey.toUpperCase() }, /pubkey/],
    ['a short signature', { sig: good.sig.slice(2) }, /sig/],
    ['an upper-case signature', { sig: good.sig.toUpperCase() }, /sig/],
    ['a time that is text', { created_at: '1' }, /created_at/],
    ['a time with a fraction', { created_at: 1.5 }, /created_at/],
    ['a time before 1970', { created_at: -1 }, /created_at/],
    ['a time that is minus nothing', { created_at: -0 }, /created_at/],
    ['a time beyond the keys', { created_at: 2 ** 47 + 1 }, /created_at/],
    ['a time that is no number', { created_at: Number.POSITIVE_INFINITY }, /created_at/],
    ['no kind', { kind: undefined }, /kind/],
    ['a kind beyond 16 bits', { kind: 65_536 }, /kind/],
    ['a kind below nothing', { kind: -1 }, /kind/],
    ['no content', { content: null }, /content/],
    ['tags that are an object', { tags: { length: 0 } }, /tags/],
    ['too many tags', { tags: [['a'], ['b'], ['c'], ['d']] }, /tags/],
    ['a tag that is text', { tags: ['t'] }, /tags/],
    ['an empty tag', { tags: [[]] }, /tags/],
    ['a tag with a number', { tags: [['t', 1]] }, /tags/],
    ['a tag with null', { tags: [['t', null]] }, /tags/],
    ['a tag in a tag', { tags: [['t', ['x']]] }, /tags/],
    ['a long tag value', { tags: [['t', 'x'.repeat(101)]] }, /tags/],
    ['a long tag name', { tags: [['x'.repeat(101)]] }, /tags/],
    ['a lone surrogate', { content: 'a\ud800' }, /surrogates/],
    ['a lone surrogate in a tag', { tags: [['t', '\udc00a']] }, /surrogates/],
    ['too many bytes', { content: 'ä'.repeat(1_000) }, /at most 2000 bytes/],
  ])('is refused by its id: %s', (_case, change, reason) => {
    expect(parseEvent({ ...good, ...change }, limits)).toEqual({
      ok: false,
      id: good.id,
      reason: expect.stringMatching(reason),
    })
  })

  it('may have as many bytes as the limit, wherever they are', () => {
    const bytes = Buffer.byteLength(encodeEvent(good))
    expect(parseEvent(good, { ...limits, maxEventBytes: bytes }).ok).toBe(true)
    expect(parseEvent(good, { ...limits, maxEventBytes: bytes - 1 }).ok).toBe(false)
  })

  it.each([
    ['the oldest', { created_at: 0, kind: 0 }],
    ['the furthest', { created_at: 2 ** 47, kind: 65_535 }],
  ])('may be %s', (_case, change) => {
    expect(parseEvent(author(1).sign(change), limits).ok).toBe(true)
  })
})

describe('an event’s id', () => {
  it('is the hash of NIP-01’s serialisation', () => {
    // NIP-01: [0, pubkey, created_at, kind, tags, content] without spaces, with these escapes and no others.
    const event = { ...good, content: '\n"\\\r\t\b\f/ä🐼', tags: [['é', '"']] }
    expect(serializeForId(event)).toBe(
      `[0,"${good.pubkey}",${good.created_at},1,[["é","\\""]],"\\n\\"\\\\\\r\\t\\b\\f/ä🐼"]`,
    )
    expect(eventId(event)).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each([
    ['pubkey', { pubkey: author(2).pubkey }],
    ['created_at', { created_at: good.created_at + 1 }],
    ['kind', { kind: 2 }],
    ['tags', { tags: [] }],
    ['content', { content: '' }],
  ])('does not fit when %s is altered', (_field, change) => {
    expect(hasRightId(good)).toBe(true)
    expect(hasRightId({ ...good, ...change })).toBe(false)
  })
})

describe.each(implementations)('a signature, by $implementation', secp => {
  it('is its author’s, for this event', () => expect(verifySignature(good, secp)).toEqual(good))

  it.each([
    ['of another event', { sig: author(1).sign().sig }],
    ['of another author', { pubkey: author(2).pubkey }],
    ['by a key that is on no curve', { pubkey: 'f'.repeat(64) }],
    ['of zeros', { sig: '0'.repeat(128) }],
  ])('is refused: %s', (_case, change) => {
    expect(verifySignature({ ...good, ...change }, secp)).toBeNull()
  })
})

describe('the implementation in use', () => {
  it('signs what others verify', () => {
    for (const secp of implementations) expect(verifySignature(good, secp)).toEqual(good)
    expect(implementations).toContain(anySecp256k1())
  })
})

describe('the class of a kind', () => {
  it.each([
    [0, 'replaceable'],
    [1, 'regular'],
    [2, 'regular'],
    [3, 'replaceable'],
    [4, 'regular'],
    [9_999, 'regular'],
    [10_000, 'replaceable'],
    [19_999, 'replaceable'],
    [20_000, 'ephemeral'],
    [29_999, 'ephemeral'],
    [30_000, 'addressable'],
    [39_999, 'addressable'],
    [40_000, 'regular'],
    [65_535, 'regular'],
  ])('%i is %s', (kind, expected) => expect(kindClass(kind)).toBe(expected))
})

describe('the value of a tag', () => {
  it('is that of the first of its name', () => {
    const event = { tags: [['x'], ['d', 'first'], ['d', 'second']] }
    expect([tagValue(event, 'd'), tagValue(event, 'x'), tagValue(event, 'y')]).toEqual(['first', undefined, undefined])
  })
})
