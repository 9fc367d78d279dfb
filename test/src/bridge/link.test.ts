import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLink } from '../../../src/bridge/link.ts'
import { usualPace } from '../../../src/bridge/settings.ts'

const second = 1_000
const hour = 3_600 * second

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

describe('a relay that has been away for long', () => {
  it.each([
    ['of the operator’s choice is tried so often that what waits there is not late', usualPace.operator, 15 * second],
    ['of a customer’s choice is tried now and then', usualPace.customer, 1.25 * hour],
  ])('%s', (_what, backoff, longest) => {
    let last = 0
    let pause = 0
    const link = createLink({
      open: (_up, down) => {
        pause = Math.max(pause, Date.now() - last)
        last = Date.now()
        queueMicrotask(() => down('connection refused'))
        return { close: () => undefined }
      },
      backoff,
      up: () => undefined,
      down: () => undefined,
    })
    last = Date.now()
    link.want()
    return vi.advanceTimersByTimeAsync(24 * hour).then(() => {
      expect(pause).toBeLessThanOrEqual(longest)
      expect(pause).toBeGreaterThan(longest / 2)
      link.leave()
    })
  })
})
