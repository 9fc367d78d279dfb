import { describe, expect, it } from 'vitest'
import { parseFilter } from '../../../relay/query/filter.ts'
import { parseSearch } from '../../../relay/search/search.ts'
import { hasWords, searchedText, searchRows } from '../../../relay/search/searched-text.ts'

describe('a search (NIP-50)', () => {
  it.each([
    [
      'words, each once',
      'best nostr  apps nostr',
      { words: ['best', 'nostr', 'apps'], phrase: 'best nostr apps nostr' },
    ],
    ['punctuation', '"Best"-nostr: apps?', { words: ['best', 'nostr', 'apps'], phrase: 'best nostr apps' }],
    ['an extension', 'orange include:spam nsfw:false', { words: ['orange'], phrase: 'orange' }],
    ['a link', 'https://a.example', { words: ['https', 'example'], phrase: 'https example' }],
    ['nothing but extensions', 'domain:a.example language:en', null],
    ['nothing', ' \t', null],
    ['no words', '🔥 !', { words: [], phrase: '' }],
    ['a lone surrogate', '\ud800panda', { words: ['panda'], phrase: 'panda' }],
    ['16 words', 'a1 a2 a3 a4 a5 a6 a7 a8 a9 b1 b2 b3 b4 b5 b6 b7', { words: { length: 16 } }],
    ['17 words', 'a1 a2 a3 a4 a5 a6 a7 a8 a9 b1 b2 b3 b4 b5 b6 b7 b8', 'too-long'],
    ['256 characters', 'x'.repeat(256), { words: ['x'.repeat(32)] }],
    ['257 characters', 'x'.repeat(257), 'too-long'],
    ['an extension without end', `a${'-'.repeat(250)}:b`, null],
  ])('of %s', (_case, text, expected) => {
    const parsed = parseSearch(text)
    if (typeof expected === 'object' && expected !== null) expect(parsed).toMatchObject(expected)
    else expect(parsed).toBe(expected)
  })
})

describe('the field of a filter', () => {
  const limits = { maxLimit: 500, maxValues: 100, maxTagKeys: 3, searchedKinds: new Set([0, 30_023]) }
  const filterOf = (value: object) => {
    const parsed = parseFilter(value, limits)
    return parsed.ok ? parsed.filter : parsed.reason
  }

  it.each([
    ['all that are searched', { search: 'ab' }, [0, 30_023]],
    ['those of them that it asks for', { search: 'ab', kinds: [0, 1] }, [0]],
    ['none of others', { search: 'ab', kinds: [1] }, []],
    ['none without words', { search: '?', kinds: [0] }, []],
    ['any when it does not search', { search: 'language:en', kinds: [1] }, [1]],
  ])('has kinds: %s', (_case, value, kinds) => {
    expect(filterOf(value)).toMatchObject({ kinds })
  })

  it.each([[7], [null], [['a']], [{}], ['x'.repeat(300)], ['ab '.repeat(1_000)]])('is refused: %j', search => {
    expect(filterOf({ search })).toMatch(/^search: /)
  })

  it('is not known where nothing is searched', () => {
    expect(parseFilter({ search: 'ab' }, { ...limits, searchedKinds: new Set() })).toMatchObject({ ok: false })
  })
})

describe('the words of an event', () => {
  const event = (kind: number, content: string, tags: string[][] = []) => ({ kind, content, tags })
  const profile = (fields: unknown) => event(0, JSON.stringify(fields))

  it('of a profile are names, about and nip05', () => {
    const text = searchedText(
      profile({
        name: 'Bob',
        display_name: 'Bob  Builder',
        about: 'tools',
        nip05: 'bob@a.example',
        lud16: 'secret@x.example',
      }),
    )
    expect([...text.words].sort()).toEqual(['bob', 'builder', 'example', 'tools'])
    expect([...text.headingWords]).toEqual(['bob', 'builder'])
    expect([...text.titles]).toEqual(['bob', 'bob builder'])
  })

  it.each([
    ['not JSON', event(0, '{"name": "bob"')],
    ['null', profile(null)],
    ['text', profile('bob')],
    ['fields that are no text', profile({ name: ['bob'], about: { bob: 'bob' }, nip05: 7 })],
    ['a prototype', event(0, '{"__proto__":{"name":"bob"},"constructor":"bob"}')],
    ['lone surrogates', event(0, '{"name":"\\ud800","about":"\\udfff \\ud83d"}')],
  ])('of a profile that is none are none: %s', (_case, event) => {
    expect(searchRows(event)).toEqual([])
  })

  it('of an article are title, summary and content', () => {
    const text = searchedText(
      event(30_023, 'long text', [
        ['title', 'My Title'],
        ['summary', 'short'],
        ['t', 'hidden'],
        ['title', 'second'],
        ['d'],
      ]),
    )
    expect([...text.words]).toEqual(['my', 'title', 'short', 'long', 'text'])
    expect([...text.titles]).toEqual(['my title'])
  })

  it('are not more than an event may have, and those of its title come first', () => {
    const many = Array.from({ length: 13_000 }, (_, index) => `w${index.toString(36)}`).join(' ')
    const { words, headingWords, titles } = searchedText(
      event(30_023, many, [
        ['title', `first ${many}`],
        ['summary', many],
      ]),
    )
    expect(words.size).toBeLessThanOrEqual(502)
    expect(words.has('first')).toBe(true)
    expect(headingWords.size).toBe(32)
    expect(titles.size).toBe(0)
    expect(searchRows(event(0, JSON.stringify({ name: many, display_name: many, about: many }))).length).toBeLessThan(
      600,
    )
  })

  it('make keys that the database takes, whatever the words', () => {
    const long = Array.from(
      { length: 100 },
      (_, index) => `${'𐌰'.repeat(300)}${index} ${'é'.repeat(100)}${index}`,
    ).join(' ')
    for (const row of searchRows(event(1, long, [['title', long]]))) expect(row.length).toBeLessThan(400)
  })

  it('are all looked for', () => {
    const note = event(1, 'Red and GREEN')
    expect(hasWords(note, ['green', 'red'])).toBe(true)
    expect(hasWords(note, ['green', 'blue'])).toBe(false)
    expect(hasWords(note, ['gree'])).toBe(false)
    expect(hasWords(note, [])).toBe(false)
  })
})
