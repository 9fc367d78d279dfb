import { describe, expect, it } from 'vitest'
import { eventTest, parseFilter } from '../../../relay/query/filter.ts'
import { author, startTime } from '../authors.ts'
import { filterOf } from '../find.ts'

const limits = { maxLimit: 500, maxValues: 3, maxTagKeys: 2 }
const alice = author(1)
const id = 'a'.repeat(64)

describe('a filter off the wire', () => {
  it.each([
    ['everything', {}, { limit: 500 }],
    ['ids', { ids: [id] }, { ids: [id], limit: 500 }],
    ['authors', { authors: [alice.pubkey] }, { authors: [alice.pubkey], limit: 500 }],
    ['kinds', { kinds: [0, 65_535] }, { kinds: [0, 65_535], limit: 500 }],
    ['times', { since: 0, until: 2 ** 47 }, { since: 0, until: 2 ** 47, limit: 500 }],
    ['an empty list', { authors: [] }, { authors: [], limit: 500 }],
    ['no events, only what comes', { limit: 0 }, { limit: 0 }],
    ['more than there is', { limit: 1e9 }, { limit: 500 }],
    ['long values of other tags', { '#d': ['x'.repeat(1_024)] }, { limit: 500 }],
  ])('may ask for %s', (_case, value, expected) => {
    expect(parseFilter(value, limits)).toMatchObject({ ok: true, filter: expected })
  })

  it('may ask for tags of either case', () => {
    const parsed = parseFilter({ '#e': [id], '#E': ['any'] }, limits)
    expect(parsed.ok && [...parsed.filter.tags]).toEqual([
      ['e', [id]],
      ['E', ['any']],
    ])
  })

  it.each([
    ['null', null, /an object/],
    ['a list', [], /an object/],
    ['text', 'all', /an object/],
    ['ids that are text', { ids: id }, /ids/],
    ['ids that are prefixes', { ids: ['aa'] }, /ids/],
    ['ids in upper case', { ids: [id.toUpperCase()] }, /ids/],
    ['too many ids', { ids: [id, id, id, id] }, /ids: up to 3/],
    ['authors that are prefixes', { authors: ['aa'] }, /authors/],
    ['kinds that are text', { kinds: ['1'] }, /kinds/],
    ['kinds beyond 16 bits', { kinds: [65_536] }, /kinds/],
    ['kinds below nothing', { kinds: [-1] }, /kinds/],
    ['kinds with a fraction', { kinds: [1.5] }, /kinds/],
    ['a time with a fraction', { since: 1.5 }, /since/],
    ['a time before 1970', { until: -1 }, /until/],
    ['a time beyond the keys', { until: 2 ** 53 }, /until/],
    ['a limit that is text', { limit: '1' }, /limit/],
    ['a limit below nothing', { limit: -1 }, /limit/],
    ['a limit that is null', { limit: null }, /limit/],
    ['tag values that are numbers', { '#t': [1] }, /#t/],
    ['a tag value with a lone surrogate, which no event has', { '#t': ['\ud800'] }, /#t/],
    ['a tag value that is too long', { '#t': ['x'.repeat(1_025)] }, /#t/],
    ['event tags that are no ids', { '#e': ['x'] }, /#e/],
    ['key tags that are no keys', { '#p': [id.toUpperCase()] }, /#p/],
    ['too many kinds of tags', { '#a': [], '#b': [], '#c': [] }, /up to 2 kinds of tags/],
  ])('is refused: %s', (_case, value, reason) => {
    expect(parseFilter(value, limits)).toEqual({ ok: false, reason: expect.stringMatching(reason) })
  })

  it.each([
    ['tags of long names', { '#ab': ['x'] }, /not known/],
    ['an unknown field', { search: 'panda' }, /search: .*not known/],
    ['a prototype', JSON.parse('{"__proto__":{"kinds":[1]}}'), /__proto__: .*not known/],
    ['a long unknown field', { ['x'.repeat(9_999)]: 1 }, /^x{32}: /],
  ])('is not supported: %s', (_case, value, reason) => {
    expect(parseFilter(value, limits)).toEqual({
      ok: false,
      reason: expect.stringMatching(reason),
      isUnknown: true,
    })
  })
})

describe('an event', () => {
  const event = alice.sign({ kind: 7, tags: [['t', 'x', 'z'], ['t', 'y'], ['e', id], ['d'], ['long', 'x']] })

  it.each([
    [{}, true],
    [{ kinds: [7], authors: [alice.pubkey], ids: [event.id] }, true],
    [{ kinds: [1] }, false],
    [{ kinds: [] }, false],
    [{ ids: [id] }, false],
    [{ authors: [author(2).pubkey] }, false],
    [{ since: startTime, until: startTime }, true],
    [{ since: startTime + 1 }, false],
    [{ until: startTime - 1 }, false],
    [{ limit: 0 }, true],
    [{ '#t': ['y', 'none'] }, true],
    [{ '#t': ['z'] }, false],
    [{ '#T': ['x'] }, false],
    [{ '#t': ['x'], '#e': [id] }, true],
    [{ '#t': ['x'], '#e': [event.id] }, false],
    [{ '#d': [''] }, false],
    [{ '#l': ['x'] }, false],
  ])('%o: %s', (filter, expected) => expect(eventTest(filterOf(filter))(event)).toBe(expected))
})
