import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWordFinder } from '../../../relay/policies/find-words.ts'
import { foldText } from '../../../relay/policies/fold-text.ts'
import { preventWords } from '../../../relay/policies/words.ts'
import { eventOf, originOf } from './events.ts'

const holds = (words: string[], content: string) => preventWords(words)(eventOf({ content }), originOf()) !== null

describe('a list of words', () => {
  it.each([
    ['spam', 'this is spam'],
    ['spam', 'spam'],
    ['spam', 'SpAm!'],
    ['SPAM', '(spam)'],
    ['spam', 'ｓｐａｍ'],
    ['spam', '𝓈𝓹𝒂𝔪'],
    ['spam', 's\u200bp\u200da\u00adm\ufeff'],
    ['spam', 's\u2060p\u034fa\u{e0100}m'],
    ['spam', '\u202espam\u202c'],
    ['spam', 's\0p\u0001am'],
    ['spam', 'no-spam'],
    ['buy now', 'Buy \n\t\u00a0\u2003 NOW'],
    ['buy now', 'buy\u0085\u2800now'],
    ['  buy   now ', 'buy now'],
    ['straße', 'STRASSE'],
    ['STRASSE', 'straße'],
    ['ﬁnance', 'FINANCE'],
    ['οδος', 'ΟΔΟΣ.α'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['istanbul', 'İSTANBUL'],
    ['kelvin', '\u212aelvin'],
    ['café', 'cafe\u0301'],
    ['cafe\u0301', 'CAFÉ'],
    ['免费', '现在免费领取'],
    ['ฟรี', 'แจกฟรีวันนี้'],
    ['💊', 'cheap💊pills'],
    ['t.me/', 'see https://t.me/somebody'],
    ['c++', 'I write c++, badly'],
    ['a.b*c', 'xx a.b*c xx'],
  ])('%j is found in %j', (word, content) => {
    expect(holds(['unrelated', word], content)).toBe(true)
  })

  it.each([
    ['spam', 'spammer'],
    ['spam', 'xspam'],
    ['spam', 'spam7'],
    ['spam', 'spámm'],
    ['ass', 'class of assets'],
    ['café', 'cafe'],
    ['οδος', 'οδοσ1'],
    ['a.b*c', 'aXbbbc'],
    ['.*', 'anything'],
    ['𐐨', '𐐨𐐨'],
    ['buy now', 'buy it now'],
    ['buy now', 'buynow'],
  ])('%j is not found in %j', (word, content) => {
    expect(holds([word], content)).toBe(false)
  })

  it('is looked for in tags that are shown, each by itself', () => {
    const policy = preventWords(['buy now'])
    const messageFor = (tags: string[][], content = '') => policy(eventOf({ content, tags }), originOf())
    expect(messageFor([['title', 'Buy now']])).toBe('blocked: this relay does not take one of these words')
    expect(messageFor([['t', 'buy now']])).not.toBeNull()
    expect(messageFor([['title', 'now']], 'buy')).toBeNull()
    expect(messageFor([['r', 'buy now'], ['title'], ['x', 'a', 'buy now']])).toBeNull()
  })

  it('passes over a word of which nothing is left', () => {
    expect(holds(['\u200b', '\u2800'], 'anything at all')).toBe(false)
  })

  it('finds the same as looking for each word by itself', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ab', ' ', '-', '一', '𐐨'), maxLength: 40 })
    const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '-', '一', '𐐨'), minLength: 1, maxLength: 5 }), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(words, text, (list, content) => {
        expect(createWordFinder(list)(content)).toBe(list.some(word => standsIn(word, content)))
      }),
      { numRuns: 2_000 },
    )
  })
})

/** The slow way: every place where the word is, and what is around it. */
function standsIn(word: string, content: string): boolean {
  const isLetter = (character: string | undefined) => character !== undefined && /^[ab𐐨]$/u.test(character)
  const [letters, sought] = [[...content], [...word]]
  for (let at = 0; at + sought.length <= letters.length; at++) {
    if (letters.slice(at, at + sought.length).join('') !== word) continue
    const isOpen = isLetter(letters[at - 1]) && isLetter(sought[0])
    const isClosed = isLetter(sought.at(-1)) && isLetter(letters[at + sought.length])
    if (!isOpen && !isClosed) return true
  }
  return false
}

describe('folding', () => {
  it('is done once: folded text stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(foldText(foldText(text))).toBe(foldText(text))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('texts made to be slow', () => {
  const size = 65_536
  const nested = Array.from({ length: 100 }, (_, length) => 'a'.repeat(length + 1))

  it.each<[string, string[], string]>([
    ['marks that have to be sorted', ['spam'], `a${'\u0315\u0316'.repeat(size / 4)}`],
    ['marks between words', ['spam'], `a${'\u0315'.repeat(29)}`.repeat(size / 60)],
    ['characters that stand for 18', ['spam'], '\ufdfax'.repeat(size / 4)],
    ['characters that stand for six', ['spam'], '\u3316'.repeat(size / 3)],
    ['characters whose upper case is three', ['spam'], 'ΐ'.repeat(size / 2)],
    ['what nearly is each word', nested, `${'a'.repeat(size - 1)}b`],
    ['letters without an end', nested, `b${'a'.repeat(size - 2)}b`],
    ['ends of which none counts', nested.map(word => `${word}一`), `b${'a'.repeat(90)}一`.repeat(size / 94)],
    ['spaces only', ['buy now'], ' '.repeat(size)],
    ['invisible characters only', ['spam'], '\u200b'.repeat(size / 3)],
    ['alternating spaces and marks', ['spam'], ' \u0301'.repeat(size / 3)],
  ])('%s are no slower than others', (_name, words, content) => {
    const policy = preventWords(words)
    const event = eventOf({ content })
    policy(event, originOf())
    const times = Array.from({ length: 5 }, () => {
      const startMs = performance.now()
      policy(event, originOf())
      return performance.now() - startMs
    })
    expect(Math.min(...times)).toBeLessThan(150)
  })
})
