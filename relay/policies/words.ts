import { createWordFinder } from './find-words.ts'
import { foldText } from './fold-text.ts'
import type { Policy } from './policy.ts'

/**
 * Refuses content, and text in tags, that holds one of these words or phrases, whatever its case, width, spaces and
 * invisible characters. Look-alikes of other scripts are other words.
 */
export function preventWords(words: readonly string[]): Policy {
  const holdsOne = createWordFinder(words.map(word => foldText(word).trim()))
  return ({ content, tags }) => {
    const isHeld =
      holdsOne(foldText(content)) ||
      tags.some(([name, value]) => value !== undefined && textTags.has(name) && holdsOne(foldText(value)))
    return isHeld ? 'blocked: this relay does not take one of these words' : null
  }
}

/** Tags that are shown to readers. */
const textTags: ReadonlySet<string | undefined> = new Set([
  ...['alt', 'description', 'name', 'subject', 'summary', 't', 'title'],
])
