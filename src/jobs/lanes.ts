import type { JobRequest } from '../domain/jobs.ts'

/** What a kind of job has to itself, so that none waits behind another kind that is slow. */
type Lane = {
  /** How many are tried at once. */
  readonly places: number
  /** The longest pause between two tries, of a job that has gone without an answer for hours. */
  readonly longestPauseMs: number
}

const minuteMs = 60_000

/** A lane for every kind of job. */
export const lanes: { readonly [Type in JobRequest['type']]: Lane } = {
  'create-invoice': { places: 16, longestPauseMs: minuteMs },
  'look-up-invoice': { places: 8, longestPauseMs: minuteMs },
  // Whoever pays waits, and the payment ends by itself when nobody takes it in time.
  'settle-hold': { places: 8, longestPauseMs: 10_000 },
  'cancel-hold': { places: 8, longestPauseMs: minuteMs },
  // Strangers' servers, payments and wallets answer when they like.
  'resolve-address': { places: 16, longestPauseMs: minuteMs },
  'pay-invoice': { places: 16, longestPauseMs: 5 * minuteMs },
  'pay-by-wallet': { places: 64, longestPauseMs: 5 * minuteMs },
}

const firstPauseMs = 250
/** The longest pause of a job that is young, and of any as long as a twelfth of its age is less. */
const usualPauseMs = 10_000
const ageParts = 12

/** How long to wait after so many tries before the next: ever longer, and minutes only when nothing was heard for long. */
export function pauseMsOf(type: JobRequest['type'], { tries, ageSeconds }: { tries: number; ageSeconds: number }) {
  const ofAgeMs = Math.max(usualPauseMs, (ageSeconds * 1_000) / ageParts)
  return Math.min(firstPauseMs * 2 ** tries, ofAgeMs, lanes[type].longestPauseMs)
}
