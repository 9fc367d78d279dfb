import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogClock } from '../../../src/pipeline/log-clock.ts'

const start = 1_790_000_000

/** A log clock over a machine whose clock can be set, which the monotonic clock does not notice. */
function machine(lastSeen: number | null, wall = start) {
  const time = { wall, ms: 0 }
  const clock = createLogClock({
    wallSeconds: () => time.wall,
    monotonicMs: () => time.ms,
    lastSeen,
    onJump: () => undefined,
  })
  return {
    clock,
    pass: (seconds: number) => {
      time.wall += seconds
      time.ms += seconds * 1_000
    },
    set: (to: number) => {
      time.wall = to
    },
  }
}

describe('log time', () => {
  it('is the time of the machine, on a first start too', () => {
    const { clock, pass } = machine(null)
    expect(clock.now()).toBe(start)
    pass(10)
    expect(clock.now()).toBe(start + 10)
  })

  it.each([
    { case: 'a minute after it was last seen', since: 60, jump: null },
    { case: '3,600 s after it was last seen', since: 3_600, jump: null },
    { case: '3,601 s after it was last seen', since: 3_601, jump: 3_601 },
    { case: 'a year after it was last seen', since: 31_536_000, jump: 31_536_000 },
    { case: 'before it was last seen', since: -5_000, jump: null },
  ])('when the service starts $case: jump of $jump', ({ since, jump }) => {
    const { clock } = machine(start - since)
    expect(clock.now()).toBe(jump === null ? Math.max(start, start - since) : start - since)
    expect(clock.unconfirmedJumpSeconds()).toBe(jump)
  })

  it('goes on from the last time believed while a jump is not confirmed', () => {
    const { clock, pass } = machine(start - 10_000)
    expect(clock.now()).toBe(start - 10_000)
    pass(25)
    expect(clock.now()).toBe(start - 9_975)
    clock.confirm()
    expect(clock.unconfirmedJumpSeconds()).toBeNull()
    expect(clock.now()).toBe(start + 25)
  })

  it('does not believe a step of more than an hour while running, and does believe one of an hour', () => {
    const { clock, pass, set } = machine(start)
    pass(100)
    set(start + 100 + 3_600)
    expect([clock.now(), clock.unconfirmedJumpSeconds()]).toEqual([start + 3_700, null])
    set(start + 3_700 + 3_601)
    expect([clock.now(), clock.unconfirmedJumpSeconds()]).toEqual([start + 3_700, 3_601])
  })

  it('passes unasked: an hour in which nobody looks is no jump', () => {
    const { clock, pass } = machine(start)
    pass(50_000)
    expect([clock.now(), clock.unconfirmedJumpSeconds()]).toEqual([start + 50_000, null])
  })

  it('stands still when the clock is set back, until it has caught up', () => {
    const { clock, pass, set } = machine(start)
    pass(100)
    expect(clock.now()).toBe(start + 100)
    set(start - 50)
    expect(clock.now()).toBe(start + 100)
    pass(149)
    expect(clock.now()).toBe(start + 100)
    pass(2)
    expect([clock.now(), clock.unconfirmedJumpSeconds()]).toEqual([start + 101, null])
  })

  it('is not a jump when a clock that was set back is put right', () => {
    const { clock, pass, set } = machine(start)
    set(start - 20_000)
    clock.now()
    pass(10)
    set(start + 10)
    expect([clock.now(), clock.unconfirmedJumpSeconds()]).toEqual([start + 10, null])
  })

  it('never goes backwards, whatever happens to the clock', () => {
    const anyStep = fc.oneof(
      fc.record({ do: fc.constant('pass' as const), seconds: fc.nat({ max: 5_000 }) }),
      fc.record({ do: fc.constant('set' as const), seconds: fc.integer({ min: -20_000, max: 20_000 }) }),
      fc.record({ do: fc.constant('confirm' as const), seconds: fc.constant(0) }),
    )
    fc.assert(
      fc.property(fc.array(anyStep), steps => {
        const { clock, pass, set } = machine(start)
        let last = clock.now()
        for (const step of steps) {
          if (step.do === 'pass') pass(step.seconds)
          else if (step.do === 'set') set(start + step.seconds)
          else clock.confirm()
          const now = clock.now()
          expect(now).toBeGreaterThanOrEqual(last)
          last = now
        }
      }),
    )
  })
})
