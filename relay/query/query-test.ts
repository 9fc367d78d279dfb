import {
  type RecordView,
  recordAuthorNumber,
  recordCreatedAt,
  recordIsBy,
  recordKind,
  recordTagTest,
} from '../store/record.ts'
import type { Filter } from './filter.ts'

/**
 * Makes the test whether a record is what a filter asks for, ids and limit aside. Index keys hold only parts of values, so
 * the event itself is looked at.
 */
export function recordTest(filter: Filter): (record: RecordView) => boolean {
  const tests: ((record: RecordView) => boolean)[] = []
  const { since, until, kinds, authors } = filter
  if (since !== undefined) tests.push(record => recordCreatedAt(record) >= since)
  if (until !== undefined) tests.push(record => recordCreatedAt(record) <= until)
  if (kinds !== undefined) tests.push(kindTest(kinds))
  if (authors !== undefined) tests.push(authorTest(authors))
  for (const [letter, values] of filter.tags) {
    const wanted = values.map(value => Buffer.from(value))
    tests.push(recordTagTest(letter.charCodeAt(0), wanted))
  }
  return record => {
    for (const test of tests) if (!test(record)) return false
    return true
  }
}

function kindTest(kinds: readonly number[]): (record: RecordView) => boolean {
  const [only] = kinds
  if (kinds.length === 1) return record => recordKind(record) === only
  const wanted = new Set(kinds)
  return record => wanted.has(recordKind(record))
}

function authorTest(authors: readonly string[]): (record: RecordView) => boolean {
  const byNumber = new Map<number, Buffer[]>()
  for (const hex of authors) {
    const author = Buffer.from(hex, 'hex')
    const number = author.readUIntBE(0, 6)
    byNumber.set(number, [...(byNumber.get(number) ?? []), author])
  }
  return record => byNumber.get(recordAuthorNumber(record))?.some(author => recordIsBy(record, author)) ?? false
}
