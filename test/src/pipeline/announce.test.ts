import { verifyEvent } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { announceService } from '../../../src/pipeline/announce.ts'
import { openService, operator, startTime, type TestService } from '../service.ts'

let service: TestService
let stored: NostrEvent[]
beforeEach(async () => {
  service = await openService()
  stored = []
})
afterEach(() => service.close())

/** A relay that stores what it is given, newest last. */
const relay: Parameters<typeof announceService>[0]['relay'] = {
  applyLocally: (apply, done) => {
    const value = apply()
    stored.push(...value.store)
    done({ ok: true, value })
  },
  find: filter => {
    const { kinds = [], authors = [] } = filter as { kinds?: number[]; authors?: string[] }
    return stored.filter(event => kinds.includes(event.kind) && authors.includes(event.pubkey)).slice(-1)
  },
}
const announce = (change: Partial<Parameters<typeof announceService>[0]> = {}) =>
  announceService({
    environment: service.environment,
    signer: service.signer,
    relay,
    urls: { http: 'https://panda.example.com', websocket: 'wss://panda.example.com' },
    name: 'Panda',
    now: () => service.clock.time,
    ...change,
  })
const ofKind = (kind: number) => stored.filter(event => event.kind === kind)

describe('the announcement of the service', () => {
  it('is published once, signed, as service info and as a handler', async () => {
    await announce()
    await announce()
    expect(stored.map(({ kind, created_at }) => [kind, created_at])).toEqual([
      [12_410, startTime],
      [31_990, startTime],
    ])
    expect(stored.map(event => verifyEvent({ ...event }))).toEqual([true, true])
  })

  it('is renewed when a domain has changed, with a later created_at even within the same second', async () => {
    await announce()
    const change = { domain: 'example.com', open: false }
    expect(service.send(operator, 'domain.set_policy', change).status).toBe('ok')
    await announce()
    expect(ofKind(12_410).map(event => event.created_at)).toEqual([startTime, startTime + 1])
    expect(ofKind(31_990)).toHaveLength(1)
    expect(stored.at(-1)?.tags).not.toEqual(stored[0]?.tags)
    await announce()
    expect(stored).toHaveLength(3)
  })

  it('is renewed when the service has another URL', async () => {
    await announce()
    service.clock.time += 100
    await announce({ urls: { http: 'https://new.example', websocket: 'wss://new.example' } })
    expect(ofKind(12_410).map(event => event.created_at)).toEqual([startTime, startTime + 100])
    expect(ofKind(31_990).map(event => event.created_at)).toEqual([startTime, startTime + 100])
    expect(JSON.stringify(stored.slice(2))).not.toContain('panda.example.com')
  })

  it('is renewed as a handler when the service has another name', async () => {
    await announce()
    await announce({ name: 'Red Panda' })
    expect(ofKind(12_410)).toHaveLength(1)
    expect(ofKind(31_990).map(event => JSON.parse(event.content).name)).toEqual(['Panda', 'Red Panda'])
  })

  it('fails when it cannot be written', async () => {
    const applyLocally: typeof relay.applyLocally = (_apply, done) => done({ ok: false, error: new Error('disk full') })
    await expect(announce({ relay: { ...relay, applyLocally } })).rejects.toThrow('disk full')
  })
})
