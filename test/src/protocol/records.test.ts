import { nip19 } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import { recordInput, recordInputs, recordsFault } from '../../../src/protocol/records.ts'
import type { Record } from '../../../src/store/tables.ts'

const key = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
const defaults = { priority: 0, ttlSeconds: 3_600 }

function parse(input: object) {
  const parsed = recordInput.safeParse(input)
  return parsed.success ? parsed.data : null
}

describe('a record that is accepted', () => {
  it.each([
    { type: 'NOSTR', value: key, stored: key },
    { type: 'NOSTR', value: nip19.npubEncode(key), stored: key },
    { type: 'CNAME', value: 'Bob@Example.com', stored: 'bob@example.com' },
    { type: 'URL', value: 'https://alice.example/?q=1#top', stored: 'https://alice.example/?q=1#top' },
    { type: 'URL', value: 'http://127.0.0.1:8080', stored: 'http://127.0.0.1:8080' },
    { type: 'URL', value: `https://a.example/${'a'.repeat(2_030)}`, stored: `https://a.example/${'a'.repeat(2_030)}` },
    { type: 'TXT', value: 'v=1 äöü 🐼\tand\r\nmore', stored: 'v=1 äöü 🐼\tand\r\nmore' },
    { type: 'TXT', value: 'a'.repeat(1_024), stored: 'a'.repeat(1_024) },
  ])('is a $type of $value', ({ type, value, stored }) => {
    expect(parse({ type, value })).toEqual({ type, value: stored, ...defaults })
  })

  it.each([
    { priority: 0, ttlSeconds: 60 },
    { priority: 65_535, ttlSeconds: 604_800 },
  ])('keeps priority $priority and TTL $ttlSeconds', extra => {
    expect(parse({ type: 'TXT', value: 'a', ...extra })).toEqual({ type: 'TXT', value: 'a', ...extra })
  })
})

describe('a record that is refused', () => {
  it.each([
    { type: 'NOSTR', value: key.toUpperCase() },
    { type: 'NOSTR', value: key.slice(1) },
    { type: 'NOSTR', value: `${key}00` },
    { type: 'NOSTR', value: nip19.npubEncode(key).replace(/.$/, 'b') },
    { type: 'NOSTR', value: nip19.noteEncode(key) },
    { type: 'NOSTR', value: '' },
    { type: 'CNAME', value: 'example.com' },
    { type: 'CNAME', value: 'a@b@c' },
    { type: 'CNAME', value: `${'a'.repeat(320)}@b` },
    { type: 'CNAME', value: 'a\0@example.com' },
    { type: 'URL', value: 'javascript:alert(1)' },
    { type: 'URL', value: 'ftp://alice.example' },
    { type: 'URL', value: '//alice.example' },
    { type: 'URL', value: 'https://' },
    { type: 'URL', value: 'https://user:secret@alice.example' },
    { type: 'URL', value: 'https://user@alice.example' },
    { type: 'URL', value: 'https://alice.example/a b' },
    { type: 'URL', value: 'https://alice.example/\r\nx: y' },
    { type: 'URL', value: 'https://alice.example\t' },
    { type: 'URL', value: `https://a.example/${'a'.repeat(2_031)}` },
    { type: 'TXT', value: '' },
    { type: 'TXT', value: 'a'.repeat(1_025) },
    { type: 'TXT', value: 'a\0' },
    { type: 'TXT', value: 'a\u001b[2J' },
    { type: 'TXT', value: 'a\u0085' },
    { type: 'TXT', value: 'half a pair \ud83d' },
    { type: 'TXT', value: 7 },
    { type: 'TXT' },
    { type: 'txt', value: 'a' },
    { type: 'MX', value: 'mail.example' },
    { value: 'a' },
    { type: 'TXT', value: 'a', priority: -1 },
    { type: 'TXT', value: 'a', priority: 65_536 },
    { type: 'TXT', value: 'a', priority: 1.5 },
    { type: 'TXT', value: 'a', priority: '1' },
    { type: 'TXT', value: 'a', ttlSeconds: 59 },
    { type: 'TXT', value: 'a', ttlSeconds: 604_801 },
    { type: 'TXT', value: 'a', ttl: 60 },
  ])('is $type $value $priority $ttlSeconds', input => {
    expect(parse(input)).toBeNull()
  })
})

describe('records together', () => {
  const txt = (value: string): Record => ({ type: 'TXT', value, ...defaults })
  const cname = (value: string): Record => ({ type: 'CNAME', value, ...defaults })
  const nostr: Record = { type: 'NOSTR', value: key, ...defaults }

  it.each([
    { records: [], fault: null },
    { records: [txt('a'), txt('b'), nostr], fault: null },
    { records: [cname('a@b.c'), txt('a')], fault: null },
    { records: [txt('a@b.c'), cname('a@b.c')], fault: null },
    { records: [cname('a@b.c'), cname('d@e.f')], fault: 'an identifier has at most one CNAME' },
    {
      records: [nostr, cname('a@b.c')],
      fault: 'a CNAME takes the place of NOSTR records, so both cannot stand together',
    },
    { records: [txt('a'), txt('a')], fault: 'no record stands twice' },
    { records: [nostr, { ...nostr, priority: 1 }], fault: 'no record stands twice' },
  ])('are judged as a whole: $fault', ({ records, fault }) => {
    expect(recordsFault(records)).toBe(fault)
  })

  it('are at most 32', () => {
    const some = (count: number) => Array.from({ length: count }, (_, index) => txt(String(index)))
    expect(recordInputs.safeParse(some(32)).success).toBe(true)
    expect(recordInputs.safeParse(some(33)).success).toBe(false)
  })

  it('fit one encrypted result and one name event, however they are made up', () => {
    const long = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        type: 'URL',
        value: `https://a.example/${index}`.padEnd(2_000, 'a'),
      }))
    expect(recordInputs.safeParse(long(7)).success).toBe(true)
    expect(recordInputs.safeParse(long(9)).success).toBe(false)
  })
})
