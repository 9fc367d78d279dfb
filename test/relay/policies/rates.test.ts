import { beforeEach, describe, expect, it } from 'vitest'
import { createBuckets } from '../../../relay/policies/buckets.ts'
import { limitRatePerConnection, limitRatePerIp, limitRatePerKey } from '../../../relay/policies/rates.ts'
import { eventOf, originOf, otherKey } from './events.ts'

let timeMs: number
beforeEach(() => {
  timeMs = 0
})
const rate = { perMinute: 60, burst: 2, nowMs: () => timeMs }

describe('a rate', () => {
  it.each([
    ['key', limitRatePerKey, 'rate-limited: too many events of this key, slow down'],
    ['address', limitRatePerIp, 'rate-limited: too many events from this address, slow down'],
    ['connection', limitRatePerConnection, 'rate-limited: too many events on this connection, slow down'],
  ])('per %s gives a burst, and then as time goes', (_per, limit, message) => {
    const policy = limit(rate)
    const origin = originOf()
    const send = () => policy(eventOf(), origin)
    expect([send(), send(), send()]).toEqual([null, null, message])
    timeMs = 1_000
    expect([send(), send()]).toEqual([null, message])
  })

  it.each([
    ['key', limitRatePerKey, [eventOf(), originOf()], [eventOf({ pubkey: otherKey }), originOf()]],
    ['IPv4 address', limitRatePerIp, [eventOf(), originOf()], [eventOf(), originOf({ ip: '192.0.2.2' })]],
    [
      'IPv6 /64',
      limitRatePerIp,
      [eventOf(), originOf({ ip: '2001:db8:0:1::1' })],
      [eventOf(), originOf({ ip: '2001:db8:0:2::1' })],
    ],
    ['connection', limitRatePerConnection, [eventOf(), originOf()], [eventOf(), originOf()]],
  ] as const)('is for each %s', (_per, limit, one, other) => {
    const policy = limit({ ...rate, burst: 1 })
    expect([policy(...one), policy(...other)]).toEqual([null, null])
    expect([policy(...one), policy(...other)]).not.toContain(null)
  })

  it('is one for all addresses of an IPv6 /64, and of a key on all connections', () => {
    const perIp = limitRatePerIp({ ...rate, burst: 1 })
    expect(perIp(eventOf(), originOf({ ip: '2001:db8::1' }))).toBeNull()
    expect(perIp(eventOf(), originOf({ ip: '2001:db8::ffff:1' }))).not.toBeNull()
    const perKey = limitRatePerKey({ ...rate, burst: 1 })
    expect(perKey(eventOf(), originOf())).toBeNull()
    expect(perKey(eventOf(), originOf({ ip: '198.51.100.1' }))).not.toBeNull()
  })

  it.each(['import', 'sync', 'bridge'] as const)('is not for what comes by %s', source => {
    const policy = limitRatePerKey({ ...rate, burst: 1 })
    const send = () => policy(eventOf(), originOf({ source }))
    expect([send(), send(), send()]).toEqual([null, null, null])
  })
})

describe('the buckets of a million strangers', () => {
  const buckets = (max: number) => createBuckets({ perSecond: 1, burst: 1, nowMs: () => timeMs, max })

  it('take no more memory than there may be keys', () => {
    const take = createBuckets({ perSecond: 1, burst: 1, nowMs: () => timeMs })
    // Parts of long texts: of each only the part may be kept.
    const header = 'x'.repeat(10_000)
    const before = process.memoryUsage().heapUsed
    for (let number = 0; number < 300_000; number++) take(`${header}${number}`.slice(9_990))
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 ** 2)
  })

  it('keep what was used lately', () => {
    const take = buckets(1_000)
    expect(take('me')).toBe(true)
    for (let number = 0; number < 100_000; number++) {
      take(`stranger ${number}`)
      if (number % 100 === 0) expect(take('me')).toBe(false)
    }
  })

  it('forget what was not used, and no sooner than half of them are others', () => {
    const take = buckets(1_000)
    expect(take('me')).toBe(true)
    for (let number = 0; number < 499; number++) take(`a ${number}`)
    expect(take('me')).toBe(false)
    for (let number = 0; number < 2_000; number++) take(`b ${number}`)
    expect(take('me')).toBe(true)
  })
})
