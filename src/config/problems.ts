import type { z } from 'zod'
import { isTree, leafPaths, type Tree, valueAt } from './tree.ts'

/** Something in the configuration that cannot be used. No field holds a secret. */
export type Problem = {
  /** `listen.port`, or the name of an environment variable or flag. */
  readonly path: string
  readonly value: string
  readonly expected: string
  /** The file, environment variable or flag that said it. */
  readonly source: string
}

/** Whatever is kept under such a key, or looks like this, is not repeated in a message that ends up in a log. */
const secretKey = /secret|password|passphrase|token|seed|mnemonic|macaroon|private|credential|nsec|(?<!p)rune|key$/i
const secretText = /nsec1|ncryptsec1|(secret|password|token|macaroon|rune|key)=|:\/\/[^/]*@/i
/** A key in hex may be a secret one, pasted in the wrong place. */
const longHex = /[0-9a-f]{24,}/gi
const maxValueLength = 60
const maxValueDepth = 4
const notShown = '(not shown)'

/** A problem as one line. */
export function formatProblem({ path, value, expected, source }: Problem): string {
  const where = source === path ? path : `${path} (${source})`
  return `${where}: ${value === '' ? '' : `${value} — `}expected ${expected}`
}

/** zod's issues as problems: one for each wrong value and each key that does not exist, in the order found. */
export function toProblems(
  issues: readonly z.core.$ZodIssue[],
  context: { tree: Tree; defaults: Tree; sourceOf(path: readonly PropertyKey[]): string },
): Problem[] {
  const problems = new Map<string, Problem>()
  const add = (path: readonly PropertyKey[], expected: string, isKnown = true) => {
    const text = formatPath(path)
    // A value that breaks two rules is one mistake.
    if (problems.has(text)) return
    // Two settings may not go together though only one of them was made. The entries of lists have no defaults.
    const byDefault = path.some(part => typeof part === 'number') ? undefined : valueAt(context.defaults, path)
    const isSet = byDefault === undefined || valueAt(context.tree, path) !== undefined
    const value = describe(path, isSet ? valueAt(context.tree, path) : byDefault, isKnown)
    problems.set(text, { path: text, value, expected, source: isSet ? context.sourceOf(path) : 'defaults' })
  }
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') {
      add(issue.path, issue.message)
      continue
    }
    for (const key of issue.keys) {
      const meant = suggestKey(key, issue.path, context.defaults)
      add([...issue.path, key], meant === null ? 'a known key' : `a known key (did you mean ${meant}?)`, false)
    }
  }
  return [...problems.values()]
}

/**
 * The value at a path as it may be shown: cut to a line, without what is or may be a secret. Of a key that is not known
 * nobody can say whether it is one, so of its value only numbers and the like are shown.
 */
export function describe(path: readonly PropertyKey[], value: unknown, isKnown = true): string {
  if (value === undefined) return 'nothing'
  if (path.some(part => secretKey.test(String(part)))) return notShown
  if (!isKnown && (typeof value === 'string' || typeof value === 'object')) return notShown
  if (path[0] === 'wallet' && typeof value === 'string') return JSON.stringify(schemeOf(value))
  const text = JSON.stringify(withoutSecrets(value, maxValueDepth))
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength)}…` : text
}

/** Wallets are named by URLs that carry what opens them; the scheme is enough to recognise one. */
function schemeOf(wallet: string): string {
  const [, scheme = '', rest = ''] = /^([a-z+]+:)?(.*)$/s.exec(wallet) ?? []
  return rest === '' ? scheme : `${scheme}…`
}

/** A copy that goes no deeper than a line can show: by aliases, YAML may even go in circles. */
function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return secretText.test(value) ? notShown : value.replace(longHex, hex => `${hex.slice(0, 8)}…`)
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.map(part => withoutSecrets(part, depth - 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, secretKey.test(key) ? notShown : withoutSecrets(part, depth - 1)]),
  )
}

/** The candidate that was probably meant, or `null`. Case and `_` or `-` do not count, and one slip in three characters is forgiven. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, '')
  let best: { candidate: string; distance: number } | null = null
  for (const candidate of candidates) {
    const distance = editDistance(plain(word), plain(candidate))
    if (distance <= Math.max(1, candidate.length / 3) && (best === null || distance < best.distance))
      best = { candidate, distance }
  }
  return best?.candidate ?? null
}

/** A sibling that is spelt similarly, else a key of that name in another section. */
function suggestKey(key: string, parent: readonly PropertyKey[], defaults: Tree): string | null {
  const siblings = valueAt(
    defaults,
    parent.map(part => (typeof part === 'number' ? 0 : part)),
  )
  const sibling = closest(key, isTree(siblings) ? Object.keys(siblings) : [])
  if (sibling !== null) return formatPath([...parent, sibling])
  const elsewhere = leafPaths(defaults).find(path => path.at(-1) === key)
  return elsewhere === undefined ? null : formatPath(elsewhere)
}

/** `domains[0].name` */
function formatPath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`
  return text === '' ? '(the whole file)' : text
}

/** Insertions, deletions, replacements and swaps of neighbours between two short words. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : replaced
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1))
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
