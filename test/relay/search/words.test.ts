import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eachWord } from '../../../relay/search/words.ts'

function wordsOf(text: string, most = Number.POSITIVE_INFINITY): string[] {
  const words: string[] = []
  eachWord(text, word => words.push(word) < most)
  return words
}

describe('the words of a text', () => {
  it.each([
    ['punctuation parts them', 'Hello, wörld! (again) re-use a_b', ['hello', 'wörld', 'again', 're', 'use']],
    ['case is folded', 'STRASSE Straße ΣΊΣΥΦΟΣ σίσυφος', ['strasse', 'strasse', 'σίσυφοσ', 'σίσυφοσ']],
    ['width and ligatures are', 'Ｐａｎｄａ ﬁsh ² x² Ⅳ', ['panda', 'fish', '2', 'x2', 'iv']],
    ['numbers are words', '21000000 sats, 0.5 btc', ['21000000', 'sats', '0', '5', 'btc']],
    ['one letter is none', 'a I x', []],
    ['Chinese and Japanese by character', '東京タワー2024', ['東', '京', 'タ', 'ワ', '2024']],
    ['Korean by syllable', '비트코인은 good', ['비', '트', '코', '인', '은', 'good']],
    ['Thai by letter', 'ดี', ['ด']],
    ['Hindi with its signs', 'हिन्दी भाषा', ['हिन्दी', 'भाषा']],
    ['Arabic and Hebrew', 'مرحبا بالعالم שלום', ['مرحبا', 'بالعالم', 'שלום']],
    ['emoji are none', '🐼🔥 panda 👩‍👩‍👧', ['panda']],
    ['markup is text', '**bold** [link](https://a.example/b)', ['bold', 'link', 'https', 'example']],
  ])('%s', (_case, text, expected) => {
    expect(wordsOf(text)).toEqual(expected)
  })

  it.each([
    ['zero-width characters do not part them', 'pan\u200bda pan\u200dda pan\ufeffda pan\u00adda', 'panda'],
    ['direction marks are not seen', '\u202epanda\u202c \u2066panda\u2069 pa\u200fnda', 'panda'],
    ['composed and decomposed are equal', 'cafe\u0301 caf\u00e9', 'café'],
    ['half and full width kana are', 'ｶﾞ ガ', 'ガ'],
  ])('are the same whatever cannot be seen: %s', (_case, text, word) => {
    expect(new Set(wordsOf(text))).toEqual(new Set([word]))
  })

  it('hold no lone surrogate, no mark alone and nothing of control', () => {
    expect(wordsOf('\ud800 \udc00 ab\ud800cd \u0301\u0301 \u0000\u0001 x\u0000y')).toEqual(['ab', 'cd', 'xy'])
  })

  it('are cut when they are long, not within a character', () => {
    expect(wordsOf(`${'a'.repeat(40)} ${'a'.repeat(50)}`)).toEqual(['a'.repeat(32), 'a'.repeat(32)])
    const [gothic] = wordsOf(`a${'𐌰'.repeat(40)}`)
    expect(gothic).toBe(`a${'𐌰'.repeat(15)}`)
  })

  it('of any text have no separator, no zero byte, and are found again when they are asked for', () => {
    const odd = fc.constantFrom(
      ...[
        '\ud800',
        '\u0301',
        '\u200b',
        '\u202e',
        '\u0000',
        'ﷺ',
        'İ',
        'ß',
        '漢',
        '각',
        '\u1100\u1161',
        '𐌰',
        ' ',
        'ﬁ',
        'ǅ',
      ],
    )
    const text = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), odd)).map(parts => parts.join(''))
    fc.assert(
      fc.property(text, text => {
        const words = wordsOf(text)
        for (const word of words) {
          expect(word).not.toMatch(/[\s\p{Cc}\p{Cs}]/u)
          expect(word.length).toBeLessThanOrEqual(32)
        }
        expect(wordsOf(words.join(' '))).toEqual(words)
      }),
      { numRuns: 500 },
    )
  })

  it('stop when enough are taken', () => {
    expect(wordsOf('one two three', 2)).toEqual(['one', 'two'])
  })

  // A pattern that goes back would take hours; the limit is the test's own.
  it.each([
    ['one word', 'a'.repeat(65_536)],
    ['one word and its marks', `a${'\u0301'.repeat(32_767)}`],
    ['marks of two classes', 'a\u0323\u0301'.repeat(13_000)],
    ['a letter with a mark, many times', 'e\u0301'.repeat(21_845)],
    ['characters that grow', '㌀'.repeat(21_845)],
    ['a character that grows most', 'ﷺ'.repeat(21_845)],
    ['nothing that can be seen', '\u200b'.repeat(21_845)],
    ['letters and invisible ones', 'a\u200b'.repeat(16_384)],
    ['white space', ' \t'.repeat(32_768)],
    ['directions', '\u202ea\u202c'.repeat(9_362)],
    ['jamo', '\u1100\u1161\u11a8'.repeat(7_281)],
    ['one word in four bytes a letter', '𐌰'.repeat(16_384)],
    ['distinct words', Array.from({ length: 13_000 }, (_, index) => `w${index.toString(36)}`).join(' ')],
  ])('64 KiB of %s are soon told apart', (_case, text) => {
    expect(wordsOf(text).every(word => word.length <= 32)).toBe(true)
  })
})
