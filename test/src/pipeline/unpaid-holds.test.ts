import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VerifiedEvent } from '../../../relay/event.ts'
import { createHost } from '../../../src/pipeline/admit.ts'
import { createRations } from '../../../src/pipeline/rations.ts'
import { createUnpaidHolds } from '../../../src/pipeline/unpaid-holds.ts'
import { readEntries, readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { differences } from './verify-log.ts'

const perAddress = 2
const most = 1_000_000
const plenty = {
  requestsPerIpPerMinute: most,
  postsPerIpPerMinute: most,
  commandsPerKeyPerMinute: most,
  commandsPerIpPerMinute: most,
  refusalsPerKeyPerDay: most,
  refusalsPerIpPerDay: most,
  decryptionsPerConnectionPerMinute: most,
  decryptionsPerIpPerMinute: most,
  decryptionsPerSecond: most,
  storedBytesPerKeyPerDay: most,
  storedBytesPerIpPerDay: most,
}

let service: TestService
let host: ReturnType<typeof createHost>
beforeEach(async () => {
  service = await openService()
  const { environment, signer, applier, clock, secrets } = service
  host = createHost({
    environment,
    signer,
    applier,
    rations: createRations(plenty, () => 0),
    unpaidHolds: createUnpaidHolds(environment.reader, perAddress),
    secrets,
    policy: 'members',
    now: () => clock.time,
    room: () => 'events',
  })
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

/** Orders a name by invoice, each with a key of its own; says whether the name is held for it. */
function order(number: number, ip: string): 'held' | 'available' {
  const identifier = `name-${number}@example.com`
  const event = service.sign(keyOf(100 + number), 2410, 'identifier.register', { identifier })
  const admission = host.admit(event as VerifiedEvent, { source: 'client', ip, authenticated: new Set() })
  if (admission.kind !== 'apply') throw new Error(`the admission is ${admission.kind}`)
  service.environment.root.transactionSync(admission.apply)
  return service.query(keyOf(3), 'identifier.quote', { identifier }).body.status as 'held' | 'available'
}

describe('unpaid holds of one address', () => {
  it('are so many, with as many keys as it likes; beyond them orders race, and the log says so', async () => {
    expect([1, 2, 3].map(number => order(number, '192.0.2.1'))).toEqual(['held', 'held', 'available'])
    expect(order(4, '192.0.2.2')).toBe('held')
    const mayHold = readEntries(service.environment, 1, 100).map(entry => entry.mayHold)
    expect(mayHold.slice(-4)).toEqual([true, true, false, true])
    expect(await differences(service.environment, service.signer)).toEqual([])
  })

  it('are those of a whole IPv6 network', () => {
    expect([1, 2, 3].map(number => order(number, `2001:db8::${number}`))).toEqual(['held', 'held', 'available'])
    expect(order(4, '2001:db8:0:1::1')).toBe('held')
  })

  it('are fewer again when an order is paid, and when one is over', async () => {
    order(1, '192.0.2.1')
    const paymentHash = await service.walletAnswers()
    order(2, '192.0.2.1')
    expect(order(3, '192.0.2.1')).toBe('available')
    await service.settle(paymentHash, 10_000_000)
    expect(order(4, '192.0.2.1')).toBe('held')
    expect(order(5, '192.0.2.1')).toBe('available')
    await service.advance(86_400)
    expect([6, 7, 8].map(number => order(number, '192.0.2.1'))).toEqual(['held', 'held', 'available'])
  })

  it('are not used up by top-ups', () => {
    for (const number of [1, 2, 3]) {
      const event = service.sign(keyOf(50 + number), 2410, 'balance.topup', { amountMsat: 1_000 })
      const admission = host.admit(event as VerifiedEvent, {
        source: 'client',
        ip: '192.0.2.1',
        authenticated: new Set(),
      })
      if (admission.kind === 'apply') service.environment.root.transactionSync(admission.apply)
    }
    expect(service.environment.reader.range(tables.orders, [])).toHaveLength(3)
    expect(order(1, '192.0.2.1')).toBe('held')
  })

  it('are not used up by orders that held nothing', () => {
    for (const number of [1, 2, 3, 4, 5]) order(number, '192.0.2.1')
    expect(readHead(service.environment).seq).toBeGreaterThan(5)
    expect(order(6, '192.0.2.9')).toBe('held')
  })
})
