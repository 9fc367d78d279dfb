import { type NostrEvent, tagValue } from '../event.ts'
import { eachWord } from './words.ts'

/** What of an event is searched (NIP-50). */
export type SearchedText = {
  /** Every word, names and titles first; what is beyond the bound is not found. */
  readonly words: ReadonlySet<string>
  /** Those of the event's names or its title. */
  readonly headingWords: ReadonlySet<string>
  /** Each name or title, as its words with a space between. */
  readonly titles: ReadonlySet<string>
}

type Searched = Pick<NostrEvent, 'kind' | 'tags' | 'content'>

/** Each word is a row to write, which takes 5 µs, so an event may not have any number of them. */
const maxWords = 500
const maxHeadingWords = 32
/** Nobody looks for a longer name by the whole of it. */
const maxTitleLength = 100

/** Reads an event's words. Of profiles (kind 0) these are names, `about` and `nip05`; of others content, title and summary. */
export function searchedText(event: Searched): SearchedText {
  const words = new Set<string>()
  const headingWords = new Set<string>()
  const titles = new Set<string>()
  const { headings, texts } = event.kind === 0 ? profileTexts(event.content) : articleTexts(event)
  for (const heading of headings) {
    const inOrder: string[] = []
    eachWord(heading, word => {
      if (headingWords.size < maxHeadingWords) headingWords.add(word)
      words.add(word)
      return inOrder.push(word) < maxWords && words.size < maxWords
    })
    const title = inOrder.join(' ')
    if (title !== '' && title.length <= maxTitleLength) titles.add(title)
  }
  for (const text of texts) eachWord(text, word => words.add(word).size < maxWords)
  return { words, headingWords, titles }
}

/** The text of an event that live subscriptions look at is read once. */
const read = new WeakMap<Searched, SearchedText>()

/** Whether an event has all of these words. */
export function hasWords(event: Searched, words: readonly string[]): boolean {
  let text = read.get(event)
  if (text === undefined) {
    text = searchedText(event)
    read.set(event, text)
  }
  for (const word of words) if (!text.words.has(word)) return false
  return words.length > 0
}

/** Fields in the order of the rows in `relay.words`; 0 is taken by what the index is made of. */
const fields = { word: '\u0001', headingWord: '\u0002', title: '\u0003' } as const

/** The rows of an event in `relay.words`, without its position. */
export function searchRows(event: Searched): Buffer[] {
  const { words, headingWords, titles } = searchedText(event)
  return [
    ...Array.from(words, word => row('word', word)),
    ...Array.from(headingWords, word => row('headingWord', word)),
    ...Array.from(titles, title => row('title', title)),
  ]
}

/** The rows that events have which a search finds: for each degree of relevance all of the rows, the best degree first. */
export function rowsByRelevance(search: { words: readonly string[]; phrase: string }): readonly (readonly Buffer[])[] {
  const { words, phrase } = search
  const inHeading = words.map(word => row('headingWord', word))
  const anywhere = words.map(word => row('word', word))
  return phrase.length <= maxTitleLength ? [[row('title', phrase)], inHeading, anywhere] : [inHeading, anywhere]
}

/** No word has a zero byte, so no row begins with another. */
function row(field: keyof typeof fields, text: string): Buffer {
  return Buffer.from(`${fields[field]}${text}\u0000`)
}

function profileTexts(content: string): { headings: string[]; texts: string[] } {
  let profile: unknown
  try {
    profile = JSON.parse(content)
  } catch {
    // Not a profile, so there is nothing to find.
  }
  if (typeof profile !== 'object' || profile === null) return { headings: [], texts: [] }
  const fields = new Map<string, unknown>(Object.entries(profile))
  const valuesOf = (names: string[]) =>
    names.map(name => fields.get(name)).filter((value): value is string => typeof value === 'string')
  return { headings: valuesOf(['name', 'display_name', 'displayName']), texts: valuesOf(['nip05', 'about']) }
}

function articleTexts(event: Searched): { headings: string[]; texts: string[] } {
  const valuesOf = (names: string[]) => names.map(name => tagValue(event, name)).filter(value => value !== undefined)
  return { headings: valuesOf(['title', 'subject']), texts: [...valuesOf(['summary']), event.content] }
}
