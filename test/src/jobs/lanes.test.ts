import { expect, it } from 'vitest'
import { pauseMsOf } from '../../../src/jobs/lanes.ts'

it.each([
  { type: 'pay-invoice', tries: 0, ageSeconds: 0, pauseMs: 250 },
  { type: 'pay-invoice', tries: 3, ageSeconds: 3, pauseMs: 2_000 },
  { type: 'pay-invoice', tries: 20, ageSeconds: 60, pauseMs: 10_000 },
  { type: 'pay-invoice', tries: 20, ageSeconds: 600, pauseMs: 50_000 },
  { type: 'pay-invoice', tries: 100_000, ageSeconds: 3_600, pauseMs: 300_000 },
  { type: 'pay-by-wallet', tries: 20, ageSeconds: 86_400, pauseMs: 300_000 },
  // Started again, an old job is soon tried.
  { type: 'pay-by-wallet', tries: 0, ageSeconds: 86_400, pauseMs: 250 },
  // Somebody's money waits there.
  { type: 'settle-hold', tries: 20, ageSeconds: 86_400, pauseMs: 10_000 },
  // The clock was set back.
  { type: 'cancel-hold', tries: 20, ageSeconds: -100, pauseMs: 10_000 },
] as const)('$type waits $pauseMs ms after $tries tries at an age of $ageSeconds s', ({ type, pauseMs, ...past }) => {
  expect(pauseMsOf(type, past)).toBe(pauseMs)
})
