import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../client.ts'
import { alice, answerKind, bob, createClub } from './club.ts'

const club = createClub()
const { call, connectAs, leaving, member } = club
afterEach(() => club.close())

describe('where only members may read', () => {
  beforeEach(async () => {
    await club.open({ read: 'members' })
  })

  it.each(['REQ', 'COUNT', 'NEG-OPEN'])('others are refused %s, and members are not', async verb => {
    await (await member()).publish(alice.sign())
    const [stranger, other, insider] = [await club.served.connect(), await connectAs(bob), await connectAs(alice)]
    const ask = (client: Client) => client.send(verb, 'a', {}, ...(verb === 'NEG-OPEN' ? ['61'] : []))
    ask(stranger)
    expect((await stranger.next())[0]).toBe('AUTH')
    expect(await stranger.next()).toEqual([expect.anything(), 'a', expect.stringMatching(/^auth-required: /)])
    ask(other)
    const refused = verb === 'NEG-OPEN' ? 'NEG-ERR' : 'CLOSED'
    expect(await other.next()).toEqual([refused, 'a', expect.stringMatching(/^restricted: /)])
    ask(insider)
    expect(['EVENT', 'COUNT', 'NEG-MSG']).toContain((await insider.next())[0])
    expect(club.served.relay.document()).toMatchObject({ limitation: { auth_required: true } })
  })

  it('everybody reads what the application answers, and only that', async () => {
    const stranger = await club.served.connect()
    expect(await stranger.query({ kinds: [answerKind] })).toEqual([])
    for (const filters of [[{ kinds: [answerKind] }, {}], [{ kinds: [answerKind, 1] }], [{ kinds: [] }], [null], []]) {
      stranger.send('REQ', 'a', ...filters)
      const messages = [await stranger.next()]
      if (messages[0]?.[0] === 'AUTH') messages.push(await stranger.next())
      expect(messages.at(-1)?.[0]).toBe('CLOSED')
    }
  })

  it('a refused REQ ends the subscription that had its id', async () => {
    const stranger = await club.served.connect()
    stranger.send('REQ', 'a', { kinds: [answerKind] })
    expect((await stranger.next())[0]).toBe('EOSE')
    stranger.send('REQ', 'a', {})
    for (;;) if ((await stranger.next())[0] === 'CLOSED') break
    expect(club.served.relay.stats().subscriptions).toBe(0)
  })

  it('who is a member no longer is shown out', async () => {
    const client = await member()
    client.send('REQ', 'a', {})
    for (;;) if ((await client.next())[0] === 'EOSE') break
    client.send('EVENT', leaving(alice))
    let answer = await client.next()
    while (answer[0] !== 'OK') answer = await client.next()
    expect(answer[2]).toBe(true)
    expect(await client.closed).toBe(1008)
    const removed = await member(bob)
    await call('unallowpubkey', bob.pubkey)
    expect(await removed.closed).toBe(1008)
  })

  it('who is banned is shown out, and no member until it is unbanned', async () => {
    const client = await member()
    await call('banpubkey', alice.pubkey)
    expect(await client.closed).toBe(1008)
    const again = await connectAs(alice)
    again.send('REQ', 'a', {})
    expect(await again.next()).toEqual(['CLOSED', 'a', expect.stringMatching(/^restricted: /)])
    await call('unbanpubkey', alice.pubkey)
    expect(await again.query({ kinds: [1] })).toEqual([])
  })
})
