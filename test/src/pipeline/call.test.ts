import { finalizeEvent } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent, VerifiedEvent } from '../../../relay/event.ts'
import type { Origin } from '../../../relay/host.ts'
import { createHost } from '../../../src/pipeline/admit.ts'
import type { Rations } from '../../../src/pipeline/rations.ts'
import { createUnpaidHolds } from '../../../src/pipeline/unpaid-holds.ts'
import type { Room } from '../../../src/store/disk.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, startTime, type TestService } from '../service.ts'
import { countedRations, type Taken } from './counted-rations.ts'

const alice = keyOf(2)
const suspended = keyOf(666)
const origin: Origin = { source: 'client', ip: '192.0.2.1', authenticated: new Set() }

let service: TestService
let room: Room
let usedUp: Set<keyof Rations>
let taken: Taken[]
beforeEach(async () => {
  service = await openService()
  room = 'events'
  usedUp = new Set()
  taken = []
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

function admit(event: NostrEvent) {
  const { environment, signer, applier, clock, secrets } = service
  const host = createHost({
    environment,
    signer,
    applier,
    rations: countedRations(taken, usedUp),
    unpaidHolds: createUnpaidHolds(environment.reader, 2),
    secrets,
    policy: 'members',
    now: () => clock.time,
    room: () => room,
  })
  return host.admit(event as VerifiedEvent, origin)
}

describe('a call', () => {
  const secret = `nostr+walletconnect://${'cd'.repeat(32)}?relay=wss%3A%2F%2Frelay.example&secret=${'ab'.repeat(32)}`
  const call = (change: (event: { created_at: number; tags: string[][] }) => void = () => undefined) => {
    const { id: _, sig: __, ...template } = service.sign(alice, 22_410, 'secret.put', { kind: 'nwc', secret })
    change(template)
    return finalizeEvent(template, alice.secretKey)
  }
  const keptNow = () => service.environment.reader.range(tables.secrets, []).length

  it('is carried out when its turn comes, answered to its author, and stored nowhere', () => {
    service.send(alice, 'referral.create', {})
    const admission = admit(call())
    expect(keptNow()).toBe(0)
    if (admission.kind !== 'apply') throw new Error(`the admission is ${admission.kind}`)
    const applied = service.environment.root.transactionSync(admission.apply)
    expect(applied).toMatchObject({ accepted: true, store: [], deliver: [{ kind: 22_411 }] })
    expect(applied.deliver[0]?.tags).toContainEqual(['p', alice.publicKey])
    expect(keptNow()).toBe(1)
  })

  it('takes what it may write from the share of its key and address', () => {
    const event = call()
    admit(event)
    const bytes = taken.find(([ration]) => ration === 'storedBytesPerKey')?.[2]
    expect(bytes).toBeGreaterThan(event.content.length)
    expect(taken).toContainEqual(['storedBytesPerIp', origin.ip, bytes])
  })

  it.each<keyof Rations>(['commandsPerIp', 'commandsPerKey', 'storedBytesPerKey', 'storedBytesPerIp'])(
    'is refused when %s is used up',
    ration => {
      usedUp.add(ration)
      expect(admit(call())).toMatchObject({ kind: 'refuse', message: expect.stringMatching('^rate-limited: ') })
    },
  )

  it('cannot be late: it could bring back what was erased', () => {
    const late = call(event => {
      event.created_at -= 601
      event.tags.push(['execute-by', String(startTime + 60)])
    })
    expect(admit(late)).toMatchObject({ message: expect.stringContaining('EXPIRED') })
  })

  it('is refused while there is no room, and for who is suspended', () => {
    const event = service.sign(suspended, 22_410, 'secret.put', { kind: 'nwc', secret })
    expect(admit(event)).toMatchObject({ message: expect.stringContaining('SUSPENDED') })
    room = 'facts'
    expect(admit(call())).toMatchObject({ kind: 'refuse', message: expect.stringContaining('INTERNAL') })
  })
})
