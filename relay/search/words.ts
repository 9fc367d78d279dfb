import { foldText } from '../policies/fold-text.ts'

/** Words shorter than this are not looked for, except digits and in scripts that put no spaces between words. */
const shortestWord = 2
/** Longer words count as equal when they begin alike for so long (UTF-16 units). */
const longestWord = 32

/**
 * Calls `act` with each word of a text, in order, until it answers `false`. A word is a run of letters, digits and their
 * marks, folded and NFKC-normalised; of scripts that do not part words, and of Korean with its endings, each character is
 * one. Takes time linear in the length of the text, whatever it is.
 */
export function eachWord(text: string, act: (word: string) => boolean): void {
  const folded = plain.test(text) ? text.toLowerCase() : foldText(text)
  for (const [word] of folded.matchAll(wordForm)) {
    if (word.length < shortestWord && !loneForm.test(word)) continue
    if (!act(word.length > longestWord ? cut(word) : word)) return
  }
}

/** Not through a pair of surrogates. */
function cut(word: string): string {
  const isPair = (word.charCodeAt(longestWord - 1) & 0xfc00) === 0xd800
  return word.slice(0, isPair ? longestWord - 1 : longestWord)
}

/** Most texts, of which only the case is to be folded. */
const plain = /^[\t\n\r -~]*$/

const scripts = ['Han', 'Hira', 'Kana', 'Hang', 'Thai', 'Laoo', 'Khmr', 'Mymr', 'Tibt']
const unparted = `[${scripts.map(script => String.raw`\p{scx=${script}}`).join('')}]`
// The sign that makes a vowel long says nothing alone.
const lone = String.raw`[[${unparted}&&[\p{L}\p{N}]]--ー]`
const wordForm = new RegExp(String.raw`${lone}|[[\p{L}\p{N}]--${unparted}][[\p{L}\p{M}\p{N}]--${unparted}]*`, 'gv')
const loneForm = new RegExp(String.raw`^(?:${lone}|\p{N})$`, 'v')
