import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBucket } from '../../relay/connection/bucket.ts'
import { informationDocument } from '../../relay/info.ts'
import { defaultLimits } from '../../relay/limits.ts'

describe('limits', () => {
  it('are all positive whole numbers that fit together', () => {
    for (const value of Object.values(defaultLimits)) expect(Number.isSafeInteger(value) && value > 0).toBe(true)
    expect(defaultLimits.maxMessageBytes).toBeGreaterThan(defaultLimits.maxEventBytes)
    expect(defaultLimits.terminateAtBytes).toBeGreaterThan(defaultLimits.pauseAtBytes)
    expect(defaultLimits.connectionsPerIp).toBeLessThan(defaultLimits.maxConnections)
  })
})

describe('the information document (NIP-11)', () => {
  const identity = {
    name: 'Panda',
    description: 'names',
    publicKey: 'a'.repeat(64),
    contact: null,
    version: '1.2.3',
    restrictedWrites: true,
  }

  it('states the limits in force', () => {
    const limits = { ...defaultLimits, maxSubscriptions: 7, maxLimit: 8, maxMessageBytes: 9_999 }
    expect(informationDocument(identity, limits)).toMatchObject({
      name: 'Panda',
      self: identity.publicKey,
      version: '1.2.3',
      supported_nips: expect.arrayContaining([1, 9, 11]),
      limitation: {
        max_subscriptions: 7,
        max_limit: 8,
        default_limit: 8,
        max_message_length: 9_999,
        max_subid_length: 64,
        auth_required: false,
        restricted_writes: true,
      },
    })
  })

  it('has a contact when there is one', () => {
    expect(informationDocument(identity, defaultLimits)).not.toHaveProperty('contact')
    expect(informationDocument({ ...identity, contact: 'a@b.c' }, defaultLimits)).toHaveProperty('contact', 'a@b.c')
  })
})

describe('a token bucket', () => {
  it('gives what it holds at once, and then as it is refilled', () => {
    let timeMs = 0
    const take = createBucket({ perSecond: 2, burst: 3, nowMs: () => timeMs })
    expect([take(), take(), take(), take()]).toEqual([true, true, true, false])
    timeMs = 499
    expect(take()).toBe(false)
    timeMs = 1_000
    expect([take(), take(), take()]).toEqual([true, true, false])
    timeMs = 1e9
    expect([take(), take(), take(), take()]).toEqual([true, true, true, false])
  })

  it('takes a larger cost for more, and one beyond its burst when it is full', () => {
    let timeMs = 0
    const take = createBucket({ perSecond: 1, burst: 4, nowMs: () => timeMs })
    expect([take(3), take(2), take(1), take(1)]).toEqual([true, false, true, false])
    timeMs = 4_000
    expect([take(9), take()]).toEqual([true, false])
    timeMs = 9_000
    expect(take()).toBe(false)
    timeMs = 10_000
    expect(take()).toBe(true)
  })

  it('never gives more than its burst and what came in', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 })
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, perSecond, burst) => {
          let timeMs = 0
          const take = createBucket({ perSecond, burst, nowMs: () => timeMs })
          let given = 0
          for (const step of steps) {
            timeMs += step
            if (take()) given++
            expect(given).toBeLessThanOrEqual(burst + (timeMs / 1_000) * perSecond + 1e-6)
          }
        },
      ),
    )
  })
})
