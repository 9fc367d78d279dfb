import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { ManagementOptions } from '../../../relay/management/governance.ts'
import { author } from '../authors.ts'
import { openTemporaryRoot } from '../open-temporary.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { authorization, manage } from './management-client.ts'

const [operator, alice, bob, second] = [author(1), author(2), author(3), author(5)]
const management: ManagementOptions = {
  isOperator: key => key === operator.pubkey || key === second.pubkey,
  urls: ['https://relay.example'],
  changed: () => undefined,
}
let served: Served
beforeEach(async () => {
  served = await serveRelay({ management })
})
afterEach(async () => {
  expect(served.errors).toEqual([])
  await served.close()
})

describe('a request of the management API (NIP-86)', () => {
  const body = JSON.stringify({ method: 'banpubkey', params: [alice.pubkey] })
  const ask = (header: string | undefined, sent = body) =>
    served.relay.manage({ authorization: header, body: sent }).then(({ status }) => status)
  const header = (changed = {}, by = operator) => authorization(by, 'https://relay.example', body, served.time, changed)

  it.each([
    ['without authorization', () => undefined],
    ['of another scheme', () => header().replace('Nostr', 'Bearer')],
    ['with something else than base64', () => 'Nostr {}'],
    ['with no JSON', () => `Nostr ${Buffer.from('nonsense').toString('base64')}`],
    ['with no event', () => `Nostr ${Buffer.from('[]').toString('base64')}`],
    ['of endless length', () => `Nostr ${'A'.repeat(100_000)}`],
    ['of another kind', () => header({ template: { kind: 22_242 } })],
    ['from before', () => header({ template: { created_at: served.time - 61 } })],
    ['from later', () => header({ template: { created_at: served.time + 61 } })],
    ['for another method', () => header({ tags: { method: 'GET' } })],
    ['for another relay', () => header({ tags: { u: 'https://evil.example' } })],
    ['for this relay with a query', () => header({ tags: { u: 'https://relay.example/?a=b' } })],
    ['for this relay with a user', () => header({ tags: { u: 'https://relay.example@evil.example' } })],
    ['for this relay without TLS', () => header({ tags: { u: 'http://relay.example' } })],
    ['for this relay at a path', () => header({ tags: { u: 'https://relay.example/v1' } })],
    ['without a URL', () => header({ tags: { u: null } })],
    ['without a hash of the body', () => header({ tags: { payload: null } })],
    ['with the hash of another body', () => header({ tags: { payload: 'a'.repeat(64) } })],
    ['with a hash that is none', () => header({ tags: { payload: 'é'.repeat(64) } })],
  ])('%s is refused', async (_case, made) => {
    expect(await ask(made())).toBe(401)
    expect(served.relay.find({})).toEqual([])
    expect(await manage(served, operator, 'listbannedpubkeys')).toEqual([])
  })

  it('with somebody else’s signature, or for another body, is refused', async () => {
    const event = JSON.parse(Buffer.from(header().slice(6), 'base64').toString()) as NostrEvent
    const forge = (changed: Partial<NostrEvent>) =>
      ask(`Nostr ${Buffer.from(JSON.stringify({ ...event, ...changed })).toString('base64')}`)
    expect(await forge({ sig: alice.sign().sig })).toBe(401)
    expect(await forge({ content: 'changed' })).toBe(401)
    expect(await forge({ pubkey: second.pubkey })).toBe(401)
    expect(await ask(header(), body.replace(alice.pubkey, bob.pubkey))).toBe(401)
    expect(await ask(header())).toBe(200)
  })

  it('of nobody in particular is refused', async () => expect(await ask(header({}, alice))).toBe(403))

  it('may name the relay by any of its URLs', async () => {
    for (const u of ['wss://relay.example', 'https://relay.example/', 'https://RELAY.example:443']) {
      expect(await ask(header({ tags: { u } }))).toBe(200)
    }
  })

  it('is good for reading as often as it is sent, as two of the same second are the same', async () => {
    const list = JSON.stringify({ method: 'listbannedpubkeys', params: [] })
    const same = authorization(operator, 'https://relay.example', list, served.time, {})
    for (let times = 0; times < 2; times++) expect(await ask(same, list)).toBe(200)
  })

  it('is good once, also for two at once, and after a restart', async () => {
    const data = openTemporaryRoot()
    const first = await serveRelay({ management, data })
    const once = header()
    const replies = await Promise.all([1, 2, 3].map(() => first.relay.manage({ authorization: once, body })))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 401, 401])
    await manage(first, operator, 'unbanpubkey', [alice.pubkey])
    await first.close()
    const again = await serveRelay({ management, data })
    expect((await again.relay.manage({ authorization: once, body })).status).toBe(401)
    expect(await manage(again, operator, 'listbannedpubkeys')).toEqual([])
    await again.close()
    await data.close()
  })

  it.each(['', 'null', '[]', '{"params":[]}', '{"method":5,"params":[]}', '{"method":"banpubkey","params":{}}'])(
    'whose body is %j is refused',
    async sent => {
      const authorized = authorization(operator, 'https://relay.example', sent, served.time)
      expect(await ask(authorized, sent)).toBe(400)
    },
  )

  it('is answered by a relay that nobody manages, too', async () => {
    const alone = await serveRelay()
    expect(await alone.relay.manage({ authorization: header(), body })).toMatchObject({ status: 403 })
    expect((alone.relay.document() as { supported_nips: number[] }).supported_nips).not.toContain(86)
    await alone.close()
  })
})
