/**
 * Looks for many words in one pass over a text (Aho and Corasick), whatever the words and the text. A word counts where it
 * stands alone: "ass" is not in "class". Scripts that do not part words, such as Chinese or Thai, have no such bounds.
 */
export function createWordFinder(words: readonly string[]): (text: string) => boolean {
  const root = newState(0)
  for (const word of words) {
    let state = root
    for (let at = 0; at < word.length; at++) {
      const unit = word.charCodeAt(at)
      let child = state.next.get(unit)
      if (child === undefined) {
        child = newState(state.depth + 1)
        state.next.set(unit, child)
      }
      state = child
    }
    state.isWord = state !== root
  }
  linkSuffixes(root)

  return text => {
    let state = root
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      let child = state.next.get(unit)
      while (child === undefined && state.suffix !== null) {
        state = state.suffix
        child = state.next.get(unit)
      }
      state = child ?? root
      const longest = state.isWord ? state : state.shorterWord
      if (longest === null || !isBound(text, at + 1)) continue
      for (let found: State | null = longest; found !== null; found = found.shorterWord) {
        if (isBound(text, at + 1 - found.depth)) return true
      }
    }
    return false
  }
}

type State = {
  readonly depth: number
  readonly next: Map<number, State>
  isWord: boolean
  /** The longest other prefix of a word that this one ends with; `null` at the root. */
  suffix: State | null
  /** The longest word among the suffixes. */
  shorterWord: State | null
}

function newState(depth: number): State {
  return { depth, next: new Map(), isWord: false, suffix: null, shorterWord: null }
}

function linkSuffixes(root: State): void {
  const queue = [root]
  for (const state of queue) {
    for (const [unit, child] of state.next) {
      let suffix = state.suffix
      while (suffix !== null && !suffix.next.has(unit)) suffix = suffix.suffix
      child.suffix = suffix?.next.get(unit) ?? root
      child.shorterWord = child.suffix.isWord ? child.suffix : child.suffix.shorterWord
      queue.push(child)
    }
  }
}

/** Whether a word can begin or end here: not between two letters of a script that puts spaces between words. */
function isBound(text: string, at: number): boolean {
  if (at === 0 || at === text.length) return true
  const isPair = at >= 2 && (text.charCodeAt(at - 1) & 0xfc00) === 0xdc00
  return !(isLetter(text.codePointAt(isPair ? at - 2 : at - 1)) && isLetter(text.codePointAt(at)))
}

function isLetter(point = 0): boolean {
  if (point > 0x7f) return letter.test(String.fromCodePoint(point))
  return (point >= 0x61 && point <= 0x7a) || (point >= 0x30 && point <= 0x39) || point === 0x5f
}

const unparted = String.raw`\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}`
const letter = new RegExp(String.raw`^(?![${unparted}])[\p{L}\p{M}\p{N}]$`, 'u')
