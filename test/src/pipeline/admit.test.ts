import { finalizeEvent } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent, VerifiedEvent } from '../../../relay/event.ts'
import type { Origin } from '../../../relay/host.ts'
import { createHost } from '../../../src/pipeline/admit.ts'
import type { Rations } from '../../../src/pipeline/rations.ts'
import { createUnpaidHolds } from '../../../src/pipeline/unpaid-holds.ts'
import type { WelcomePolicy } from '../../../src/pipeline/welcome.ts'
import { kinds } from '../../../src/protocol/kinds.ts'
import type { Room } from '../../../src/store/disk.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, startTime, type TestService } from '../service.ts'
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

function hostOf(policy: WelcomePolicy = 'members') {
  const { environment, signer, applier, clock, secrets } = service
  return createHost({
    environment,
    signer,
    applier,
    rations: countedRations(taken, usedUp),
    unpaidHolds: createUnpaidHolds(environment.reader, 2),
    secrets,
    policy,
    now: () => clock.time,
    room: () => room,
  })
}
/** Rations that are never used up. */
const everything: Rations = {
  commandsPerKey: () => true,
  commandsPerIp: () => true,
  requestsPerIp: () => true,
  postsPerIp: () => true,
  refusalsPerKey: () => true,
  refusalsPerIp: () => true,
  decryptionsPerConnection: () => true,
  decryptionsPerIp: () => true,
  decryptionsInTotal: () => true,
  storedBytesPerKey: () => true,
  storedBytesPerIp: () => true,
}

const admit = (event: NostrEvent, policy?: WelcomePolicy) => hostOf(policy).admit(event as VerifiedEvent, origin)

type Wish = { by?: Key; kind?: number; method?: string; params?: unknown; createdAt?: number; tags?: string[][] }

/** A command in the clear, as wished; a good one unless something else is wished. */
function plain(wish: Wish): NostrEvent {
  const { by = alice, kind = 2410, method = 'identifier.register', createdAt = service.clock.time } = wish
  const params = wish.params ?? { identifier: 'alice@example.com', pay: 'balance' }
  const tags = [['p', service.signer.publicKey], ['method', method], ...(wish.tags ?? [])]
  return finalizeEvent({ kind, created_at: createdAt, tags, content: JSON.stringify(params) }, by.secretKey)
}

describe('a command', () => {
  it('that is good is applied when its turn comes, and not before', () => {
    const event = plain({ params: { identifier: 'alice@free.example' } })
    const admission = admit(event)
    expect(service.environment.reader.has(tables.outcomes, [event.id])).toBe(false)
    if (admission.kind !== 'apply') throw new Error(`the admission is ${admission.kind}`)
    const applied = service.environment.root.transactionSync(admission.apply)
    expect(applied).toMatchObject({ accepted: true, message: '' })
    expect(service.environment.reader.has(tables.outcomes, [event.id])).toBe(true)
  })

  const old = startTime - 601
  it.each<Wish & { case: string; code: string }>([
    // Each row has the faults of the rows after it too, as far as they can stand together.
    {
      case: 'unknown encryption',
      code: 'UNSUPPORTED_ENCRYPTION',
      method: 'x.y',
      createdAt: old,
      tags: [['encryption', 'nip04']],
    },
    {
      case: 'a private method in the clear',
      code: 'ENCRYPTION_REQUIRED',
      method: 'ticket.open',
      createdAt: old,
      params: {},
    },
    { case: 'an unknown method', code: 'UNKNOWN_METHOD', method: 'x.y', createdAt: old, params: 1 },
    { case: 'params that do not fit', code: 'INVALID_PARAMS', createdAt: old, params: { years: 11 }, by: suspended },
    { case: 'an old one', code: 'EXPIRED', createdAt: old, by: suspended },
    { case: 'one of a suspended account', code: 'SUSPENDED', by: suspended },
  ])('with $case is refused: $code', wish => {
    const admission = admit(plain(wish))
    const prefix = wish.code === 'SUSPENDED' ? 'restricted' : 'invalid'
    expect(admission).toMatchObject({ kind: 'refuse', message: expect.stringMatching(`^${prefix}: ${wish.code}: `) })
  })

  it.each<Wish & { case: string; code: string }>([
    { case: 'a fact', code: 'UNKNOWN_METHOD', method: 'clock.advance', params: { to: 1 } },
    { case: 'a query', code: 'UNKNOWN_METHOD', method: 'identifier.get', params: { identifier: 'a@b.c' } },
    {
      case: 'content that cannot be decrypted',
      code: 'INVALID_PARAMS',
      params: undefined,
      tags: [['encryption', 'nip44_v2']],
    },
    { case: 'unknown params', code: 'INVALID_PARAMS', params: { identifier: 'a@b.c', price: 0 } },
    { case: 'params that are a list', code: 'INVALID_PARAMS', params: [] },
    { case: 'a date too far ahead', code: 'EXPIRED', createdAt: startTime + 301 },
    { case: 'an execute-by in the past', code: 'EXPIRED', tags: [['execute-by', String(startTime - 1)]] },
    { case: 'two services', code: 'INVALID_PARAMS', tags: [['p', alice.publicKey]] },
  ])('that is $case is refused: $code', wish => {
    expect(admit(plain(wish))).toMatchObject({ message: expect.stringMatching(`^invalid: ${wish.code}: `) })
  })

  describe.each([kinds.command, kinds.query])('of kind %i that is for another service', kind => {
    const tagged = (...keys: string[]) => {
      const tags = [...keys.map(key => ['p', key]), ['method', 'identifier.register']]
      return finalizeEvent({ kind, created_at: startTime, tags, content: '{}' }, alice.secretKey)
    }
    const another = keyOf(77).publicKey
    const message = 'invalid: INVALID_PARAMS: tags: the "p" tag names another service'

    it('is refused where ordinary events of its author are not welcome', () => {
      for (const policy of ['members', 'commands'] as const) {
        expect(admit(tagged(another), policy)).toEqual({ kind: 'refuse', message })
      }
    })

    it('is an ordinary event where all are welcome: stored, and not applied or answered', () => {
      const admission = admit(tagged(another), 'open')
      expect(taken).toEqual([])
      if (admission.kind !== 'store') throw new Error(`the admission is ${admission.kind}`)
      expect(admission.charge?.()).toBe(null)
      const kept = kind === kinds.command ? ['storedBytesPerKey', 'storedBytesPerIp'] : []
      expect(taken.map(([name]) => name)).toEqual(kept)
    })

    it('is not when it is for us as well, for no key, or nobody', () => {
      const ours = service.signer.publicKey
      for (const keys of [[another, ours], ['another'], []]) {
        expect(admit(tagged(...keys), 'open')).toMatchObject({
          kind: 'refuse',
          message: expect.stringMatching('^invalid: INVALID_PARAMS: tags: '),
        })
      }
    })

    it.each(['import', 'sync'] as const)('is not taken in by %s, nor is what is for us', source => {
      for (const key of [another, service.signer.publicKey]) {
        const event = tagged(key) as NostrEvent as VerifiedEvent
        expect(hostOf('open').admit(event, { ...origin, source })).toMatchObject({ kind: 'refuse' })
      }
    })
  })

  it('names every faulty field, and no more than ten', () => {
    const records = Array.from({ length: 12 }, () => ({ type: 'TXT', value: '' }))
    const admission = admit(plain({ params: { identifier: 'alice', years: 0, records } }))
    const message = admission.kind === 'refuse' ? admission.message : ''
    expect(message).toMatch(/params\.identifier: .*; params\.years: .*; params\.records\.0\.value: /)
    expect(message.split('; ')).toHaveLength(10)
  })

  it('may be late when it says so', () => {
    const tags = [['execute-by', String(startTime + 10)]]
    expect(admit(plain({ createdAt: startTime - 80_000, tags }))).toMatchObject({ kind: 'apply' })
  })
})

describe('rations', () => {
  const sealed = () => service.sign(alice, 2410, 'identifier.register', { identifier: 'alice@example.com' })
  it.each<{ ration: keyof Rations; key: () => unknown; cost?: number }>([
    { ration: 'commandsPerKey', key: () => alice.publicKey },
    { ration: 'commandsPerIp', key: () => origin.ip },
    { ration: 'decryptionsPerIp', key: () => origin.ip },
    { ration: 'decryptionsInTotal', key: () => '' },
    { ration: 'decryptionsPerConnection', key: () => origin },
    { ration: 'refusalsPerKey', key: () => alice.publicKey, cost: 0 },
    { ration: 'refusalsPerIp', key: () => origin.ip, cost: 0 },
  ])('$ration: a command beyond it is rate-limited', ({ ration, key, cost = 1 }) => {
    usedUp.add(ration)
    expect(admit(sealed())).toMatchObject({ message: expect.stringMatching('^rate-limited: RATE_LIMITED: ') })
    expect(taken).toContainEqual([ration, key(), cost])
  })

  it('of addresses are not touched by what comes from another relay, which has a ration of its own', () => {
    usedUp.add('commandsPerIp')
    expect(hostOf().admit(sealed() as VerifiedEvent, { ...origin, source: 'bridge' })).toMatchObject({ kind: 'apply' })
  })

  it('of decryptions are not touched by those whose key is known', () => {
    usedUp.add('decryptionsPerConnection').add('decryptionsPerIp').add('decryptionsInTotal')
    service.signer.open('', alice.publicKey)
    expect(admit(sealed())).toMatchObject({ kind: 'apply' })
  })

  it('of a key are not touched by what others may send again: what is malformed or out of its window', () => {
    for (const kind of [2410, 22_410]) {
      admit(plain({ kind, createdAt: startTime - 601 }))
      admit(plain({ kind, params: { years: 11 } }))
    }
    expect(new Set(taken.map(([name]) => name))).toEqual(new Set(['commandsPerIp']))
  })

  it('are charged for a refusal, which is remembered, and not for what is in the log', () => {
    const applied = (params: object) => {
      taken = []
      const admission = admit(plain({ params }))
      if (admission.kind !== 'apply') throw new Error(`the admission is ${admission.kind}`)
      service.environment.root.transactionSync(admission.apply)
      return ['refusalsPerKey', 'refusalsPerIp'].map(name =>
        taken.filter(([ration]) => ration === name).map(([, key, cost]) => [key, cost]),
      )
    }
    const [key, ip] = [alice.publicKey, origin.ip]
    expect(applied({ identifier: 'alice@free.example' })).toEqual([[[key, 0]], [[ip, 0]]])
    expect(applied({ identifier: 'admin@example.com' })).toEqual([
      [
        [key, 0],
        [key, 1],
      ],
      [
        [ip, 0],
        [ip, 1],
      ],
    ])
  })

  it.each<keyof Rations>(['storedBytesPerKey', 'storedBytesPerIp'])('%s: an event beyond it is not stored', ration => {
    const list = (kind: number) =>
      finalizeEvent({ kind, created_at: startTime, tags: [], content: 'ä'.repeat(5_000) }, alice.secretKey)
    const charge = () => {
      const admission = admit(list(10_002))
      return admission.kind === 'store' ? admission.charge?.() : admission
    }
    // Whoever sends an event again that is refused for something else costs its author nothing.
    admit(list(10_002))
    expect(taken).toEqual([])
    expect(charge()).toBeNull()
    expect(taken).toContainEqual(['storedBytesPerKey', alice.publicKey, 10_400])
    expect(taken).toContainEqual(['storedBytesPerIp', origin.ip, 10_400])
    usedUp.add(ration)
    expect(charge()).toMatch(/^rate-limited: /)
  })

  it('let known accounts be refused when too many refusals are kept, but no strangers', () => {
    const put = () => service.environment.transactor.put(tables.local, ['refusals'], { value: 200_000 })
    service.environment.root.transactionSync(put)
    expect(admit(plain({}))).toMatchObject({ message: expect.stringMatching('^rate-limited: ') })
    service.send(alice, 'identifier.register', { identifier: 'alice@free.example' })
    expect(admit(plain({}))).toMatchObject({ kind: 'apply' })
  })
})

describe('room on the disk', () => {
  const profile = () => finalizeEvent({ kind: 0, created_at: startTime, tags: [], content: '{}' }, alice.secretKey)
  it.each<{ left: Room; event: string; command: string }>([
    { left: 'events', event: 'store', command: 'apply' },
    { left: 'commands', event: 'refuse', command: 'apply' },
    { left: 'facts', event: 'refuse', command: 'refuse' },
  ])('for $left: an ordinary event is $event, a command $command', ({ left, event, command }) => {
    room = left
    expect([admit(profile()).kind, admit(plain({})).kind]).toEqual([event, command])
  })
})

describe('a query', () => {
  const ask = (wish: Wish) =>
    admit(plain({ kind: 22_410, method: 'identifier.quote', params: { identifier: 'alice@example.com' }, ...wish }))

  it('is answered at once, and nothing is written', () => {
    const before = service.environment.root.getStats()
    const admission = ask({})
    if (admission.kind !== 'answer') throw new Error(`the admission is ${admission.kind}`)
    const [answer] = admission.deliver
    expect(answer).toMatchObject({ kind: 22_411, content: expect.stringContaining('"status":"available"') })
    expect(answer?.tags).toContainEqual(['p', alice.publicKey])
    expect(service.environment.root.getStats()).toEqual(before)
  })

  it.each<Wish & { case: string; code: string }>([
    { case: 'a command', method: 'identifier.register', code: 'UNKNOWN_METHOD' },
    { case: 'an old one', createdAt: startTime - 601, code: 'EXPIRED' },
    { case: 'a private one in the clear', method: 'ticket.list', params: {}, code: 'ENCRYPTION_REQUIRED' },
    { case: 'one of a suspended account', by: suspended, code: 'SUSPENDED' },
    { case: 'one with a zero byte', params: { identifier: 'alice@exa\0mple.com' }, code: 'INVALID_PARAMS' },
  ])('that is $case is refused: $code', wish => {
    expect(ask(wish)).toMatchObject({ kind: 'refuse', message: expect.stringContaining(`: ${wish.code}: `) })
  })
})

describe('what the host says of events', () => {
  it('takes none of the service itself from outside, whatever its kind', () => {
    for (const kind of [0, 1, 2410, 2411, 22_410]) {
      const event = service.signer.sign({ kind, created_at: startTime, tags: [], content: '' })
      expect(hostOf().admit(event, origin)).toMatchObject({ message: expect.stringMatching('^blocked: ') })
    }
  })

  it('knows a command that was handled, and one that was refused', () => {
    const good = service.send(alice, 'identifier.register', { identifier: 'alice@free.example' }).id
    const bad = service.send(alice, 'identifier.register', { identifier: 'admin@free.example' }).id
    for (const id of [good, bad]) {
      expect(hostOf().known({ id, kind: kinds.command })).toMatchObject({
        accepted: true,
        message: expect.stringMatching('^duplicate: '),
      })
    }
    expect(hostOf().known({ id: '00'.repeat(32), kind: kinds.command })).toBeUndefined()
  })

  it('counts as members, and as known, the keys that have an account', () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@free.example' })
    const { isMember, isKnown } = hostOf()
    for (const ask of [isMember, isKnown]) {
      expect([ask?.(alice.publicKey), ask?.(keyOf(3).publicKey)]).toEqual([true, false])
    }
  })
})

describe('what is refused or answered', () => {
  it('is told by code and by method, and what is applied later is not', () => {
    const seen: string[] = []
    const { environment, signer, applier, clock, secrets } = service
    const host = createHost({
      environment,
      signer,
      applier,
      rations: everything,
      unpaidHolds: createUnpaidHolds(environment.reader, 2),
      secrets,
      policy: 'members',
      now: () => clock.time,
      room: () => room,
      counts: {
        query: (method, outcome) => seen.push(`${method} ${outcome}`),
        refusal: (type, code) => seen.push(`${type} ${code}`),
      },
    })
    const quote = { kind: 22_410, method: 'identifier.quote', params: { identifier: 'alice@example.com' } }
    for (const wish of [
      {},
      { method: 'x.y' },
      { by: suspended },
      quote,
      { kind: 22_410, method: 'identifier.get', params: { identifier: 'none@example.com' } },
      { ...quote, method: 'x.y' },
    ]) {
      host.admit(plain(wish) as VerifiedEvent, origin)
    }
    host.admit(plain({ kind: 1 }) as VerifiedEvent, origin)
    expect(seen).toEqual([
      'command UNKNOWN_METHOD',
      'command SUSPENDED',
      'identifier.quote ok',
      'identifier.get NOT_FOUND',
      'query UNKNOWN_METHOD',
    ])
  })
})
