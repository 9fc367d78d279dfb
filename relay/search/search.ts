import { eachWord } from './words.ts'

/** What a filter's `search` (NIP-50) asks for: events that have all the words. */
export type Search = {
  /** Each once; none, when the text had none: nothing has what it asks for. */
  readonly words: readonly string[]
  /** The words as they stand, with a space between. */
  readonly phrase: string
}

/** Bounds on a search. */
export const maxSearchLength = 256
export const maxSearchWords = 16

/**
 * Reads a search. `null`: there is nothing in it but extensions, of which none is known here, so it does not restrict;
 * `'too-long'`: it has too many characters or words.
 */
export function parseSearch(text: string): Search | null | 'too-long' {
  if (text.length > maxSearchLength) return 'too-long'
  const parts = text.split(/\s+/u).filter(part => part !== '' && !extension.test(part))
  if (parts.length === 0) return null
  const inOrder: string[] = []
  eachWord(parts.join(' '), word => inOrder.push(word) > 0)
  const words = [...new Set(inOrder)]
  return words.length > maxSearchWords ? 'too-long' : { words, phrase: inOrder.join(' ') }
}

/** `key:value`, but not a link. */
const extension = /^[A-Za-z][A-Za-z0-9_-]*:[^/]/
