import type { RecordView } from '../store/record.ts'

/**
 * Work since the last look at the clock, in units of a few microseconds: one for each record that is read, and more for
 * what takes longer. Records are counted too cheaply if each is one: one may have two thousand tags.
 */
export type Work = { done: number }

/** A fraction of a millisecond, so that a slice ends when it is over. */
const workBetweenLooks = 32
/** A unit for each 2 KiB: as a shift, since this is done for each record. */
const bytesPerUnitBits = 11

/** What it takes to look through a record so many times, beyond the unit for reading it. */
export function workOn({ start, end }: RecordView, passes: number): number {
  return ((end - start) * passes) >> bytesPerUnitBits
}

/** Whether the slice is over; the clock is only looked at after so much work. */
export function isTimeUp(work: Work, isOver: () => boolean): boolean {
  if (work.done < workBetweenLooks) return false
  work.done = 0
  return isOver()
}
