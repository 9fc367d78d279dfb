import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Notes } from './notes.ts'
import { createRandom, pick } from './random.ts'
import type { Stage } from './stage.ts'

/** What clients ask a relay that holds notes. */
export const questionNames = ['by id', "an author's latest 20", "a tag's latest 50", 'kind 1, latest 500'] as const
export type QuestionName = (typeof questionNames)[number]

/** A question that is asked about one value after another. */
export type Question = {
  readonly name: QuestionName
  /** An id or an author each. */
  readonly values: readonly string[]
  filter(value: string): object
}

const counts: Readonly<Record<QuestionName, number>> = {
  'by id': 8_000,
  "an author's latest 20": 8_000,
  "a tag's latest 50": 4_000,
  'kind 1, latest 500': 1_000,
}

/** A question about notes that are stored, in no order; the same at every run. */
export function questionAbout(
  { notes, small, stored }: Pick<Stage, 'notes' | 'small' | 'stored'>,
  name: QuestionName,
): Question {
  const random = createRandom(stored())
  const value = name === 'by id' ? () => notes.unsigned(pick(random, stored())).id : () => authorOf(notes, random)
  return { name, values: Array.from({ length: counts[name] / (small ? 10 : 1) }, value), filter: filters[name] }
}

const filters: Readonly<Record<QuestionName, (value: string) => object>> = {
  'by id': value => ({ ids: [value] }),
  "an author's latest 20": value => ({ authors: [value], kinds: [1], limit: 20 }),
  "a tag's latest 50": value => ({ '#p': [value], limit: 50 }),
  'kind 1, latest 500': () => ({ kinds: [1], limit: 500 }),
}

function authorOf({ authors }: Notes, random: () => number): string {
  return authors[pick(random, authors.length)] ?? ''
}

/** Writes filters where a load process finds them. */
export function filtersFile(directory: string, name: string, filters: readonly object[]): string {
  const file = join(directory, `filters-${name.replaceAll(/\W+/g, '-')}.jsonl`)
  writeFileSync(file, `${filters.map(filter => JSON.stringify(filter)).join('\n')}\n`)
  return file
}

/** The same for a question. */
export function questionFile(directory: string, { name, values, filter }: Question): string {
  return filtersFile(directory, name, values.map(filter))
}
