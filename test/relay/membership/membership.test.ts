import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { author } from '../authors.ts'
import type { Client } from '../client.ts'
import { openTemporaryRoot } from '../open-temporary.ts'
import { relayUrl, serveRelay } from '../serve-relay.ts'
import { alice, askForInvite, bob, carol, claimOf, commandKind, createClub, notMember, operator, self } from './club.ts'

const club = createClub()
const { call, connectAs, join, joining, leaving, listed, member } = club
beforeEach(() => club.open())
afterEach(() => club.close())

describe('a relay for members only (NIP-43)', () => {
  it('says so in its information document, and others do not', async () => {
    expect(club.served.relay.document()).toMatchObject({
      supported_nips: expect.arrayContaining([43, 86]),
      limitation: { restricted_writes: true, auth_required: false },
    })
    const other = await serveRelay()
    expect((other.relay.document() as { supported_nips: number[] }).supported_nips).not.toContain(43)
    await other.close()
  })

  it('takes events of members and operators, and what members bring, and no others', async () => {
    const stranger = await club.served.connect()
    expect(await stranger.publish(bob.sign())).toEqual([false, notMember])
    expect(await stranger.publish(bob.sign({ kind: 20_001, created_at: club.served.time }))).toEqual([false, notMember])
    expect(await stranger.publish(operator.sign())).toEqual([true, ''])
    const client = await member()
    expect(await client.publish(alice.sign())).toEqual([true, ''])
    expect(await client.publish(bob.sign({ kind: 1_059, tags: [['p', alice.pubkey]] }))).toEqual([true, ''])
    expect(await stranger.publish(alice.sign({ content: 'sent by another' }))).toEqual([true, ''])
  })

  it('asks who brings a wrapped message to sign in', async () => {
    const stranger = await club.served.connect()
    const wrap = bob.sign({ kind: 1_059, tags: [['p', alice.pubkey]] })
    stranger.send('EVENT', wrap)
    expect((await stranger.next())[0]).toBe('AUTH')
    expect(await stranger.next()).toEqual(['OK', wrap.id, false, expect.stringMatching(/^auth-required: /)])
    const other = await connectAs(carol)
    expect(await other.publish(wrap)).toEqual([false, notMember])
  })

  it('leaves commands of the application to everybody', async () => {
    const stranger = await club.served.connect()
    expect(await stranger.publish(bob.sign({ kind: commandKind }))).toEqual([true, ''])
    expect(await stranger.query({ kinds: [commandKind] })).toHaveLength(1)
  })

  it('tells who is a member, in events of its own', async () => {
    await call('allowpubkey', alice.pubkey, 'a secret reason')
    await call('allowpubkey', bob.pubkey)
    expect(listed()).toEqual([alice, bob].map(({ pubkey }) => [pubkey]).sort())
    await call('unallowpubkey', alice.pubkey)
    expect(listed()).toEqual([[bob.pubkey]])
    const told = club.served.relay.find({ kinds: [8_000, 8_001], authors: [self.pubkey] })
    expect(told.map(({ kind, tags }) => [kind, tags])).toEqual([
      [8_001, [['-'], ['p', alice.pubkey]]],
      [8_000, [['-'], ['p', bob.pubkey]]],
      [8_000, [['-'], ['p', alice.pubkey]]],
    ])
    expect(JSON.stringify(club.served.relay.find({}))).not.toContain('secret reason')
    // Changes of one second have one order, here and elsewhere.
    for (const key of [alice, carol]) await call('allowpubkey', key.pubkey)
    expect(listed()).toHaveLength(3)
  })

  it('takes no such events from outside', async () => {
    const client = await connectAs(self)
    for (const kind of [8_000, 8_001, 13_534, 33_534, 28_935]) {
      const event = self.sign({ kind, tags: [['-'], ['d', 'x'], ['p', bob.pubkey]], created_at: club.served.time })
      expect(await client.publish(event)).toEqual([false, expect.stringMatching(/^blocked: /)])
    }
    expect(listed()).toBeUndefined()
  })
})

describe('an invitation', () => {
  it('lets one join, once', async () => {
    const client = await member()
    const invite = await askForInvite(client)
    expect(invite).toMatchObject({ kind: 28_935, pubkey: self.pubkey, tags: [['-'], ['claim', expect.anything()]] })
    const claim = claimOf(invite)
    const newcomer = await connectAs(bob)
    expect(await newcomer.publish(bob.sign())).toEqual([false, notMember])
    expect(await join(newcomer, bob, claim)).toEqual([true, `info: welcome to ${relayUrl}!`])
    expect(await newcomer.publish(bob.sign())).toEqual([true, ''])
    expect(listed()).toContainEqual([bob.pubkey])
    expect(await join(newcomer, carol, claim)).toEqual([false, 'restricted: that is an invalid invite code.'])
    club.served.time++
    expect(await join(newcomer, bob, claim)).toEqual([true, 'duplicate: you are already a member of this relay.'])
    expect(await call('listallowedpubkeys')).toContainEqual({
      pubkey: bob.pubkey,
      reason: `invited by ${alice.pubkey}`,
    })
    // Neither requests nor codes are kept where anybody can read them.
    expect(JSON.stringify(club.served.relay.find({}))).not.toContain(claim)
  })

  it('lets one join of many who try at once', async () => {
    const claim = claimOf(await askForInvite(await member()))
    const keys = Array.from({ length: 8 }, (_, index) => author(20 + index))
    const clients = await Promise.all(keys.map((_, index) => club.served.connect(`198.51.100.${index}`)))
    const outcomes = await Promise.all(keys.map((key, index) => join(clients[index] as Client, key, claim)))
    expect(outcomes.filter(([accepted]) => accepted)).toHaveLength(1)
    expect(await call('listallowedpubkeys')).toHaveLength(2)
  })

  it('may be good for several', async () => {
    await club.open({ usesPerClaim: 2 })
    const claim = claimOf(await askForInvite(await member()))
    const client = await club.served.connect()
    expect(await join(client, bob, claim)).toEqual([true, expect.stringMatching(/^info: /)])
    expect(await join(client, carol, claim)).toEqual([true, expect.stringMatching(/^info: /)])
    expect((await join(client, author(6), claim))[0]).toBe(false)
  })

  it('ends with its time, and with the membership of who gave it', async () => {
    const client = await member()
    const [first, second] = [claimOf(await askForInvite(client)), claimOf(await askForInvite(client))]
    expect(second).not.toBe(first)
    const newcomer = await club.served.connect()
    await call('banpubkey', alice.pubkey)
    expect(await join(newcomer, bob, first)).toEqual([false, 'restricted: that is an invalid invite code.'])
    expect(await askForInvite(client)).toMatch(/^restricted: /)
    await call('unbanpubkey', alice.pubkey)
    await call('unallowpubkey', alice.pubkey)
    club.served.time++
    expect(await join(newcomer, bob, first)).toEqual([false, 'restricted: that is an invalid invite code.'])
    await call('allowpubkey', alice.pubkey)
    club.served.time += 3_600
    expect(await join(newcomer, bob, second)).toEqual([false, 'restricted: that invite code is expired.'])
  })

  it('outlives a restart, by its hash', async () => {
    const data = openTemporaryRoot()
    await club.open({ data })
    const first = club.served
    const claim = claimOf(await askForInvite(await member()))
    await first.writer.idle()
    const { membership } = first.relay.store.databases
    const bytes = [...membership.getRange({})].map(({ key, value }) => `${key}${value}`).join()
    expect(bytes).not.toContain(claim)
    await club.open({ data })
    expect(await join(await club.served.connect(), bob, claim)).toEqual([true, expect.stringMatching(/^info: /)])
    expect(listed()).toHaveLength(2)
    await club.open()
    await data.close()
  })

  it('is given to ten at a time: the eleventh replaces the first', async () => {
    const client = await member()
    const claims: string[] = []
    for (let count = 0; count < 11; count++) claims.push(claimOf(await askForInvite(client)))
    expect(new Set(claims).size).toBe(11)
    const newcomer = await club.served.connect()
    expect((await join(newcomer, bob, claims[0] as string))[0]).toBe(false)
    expect((await join(newcomer, bob, claims[1] as string))[0]).toBe(true)
  })

  it('is rationed', async () => {
    const client = await member()
    const messages: unknown[] = []
    for (let count = 0; count < 30; count++) messages.push(await askForInvite(client))
    expect(messages.at(-1)).toMatch(/^rate-limited: /)
    expect(messages.filter(message => typeof message !== 'string')).toHaveLength(20)
  })

  it('is for members who have signed in, and operators', async () => {
    const stranger = await club.served.connect()
    expect(await askForInvite(stranger)).toMatch(/^auth-required: /)
    expect(await askForInvite(await connectAs(bob))).toMatch(/^restricted: /)
    expect(claimOf(await askForInvite(await connectAs(operator)))).not.toBe('')
    const client = await member()
    expect(await askForInvite(client, { kinds: [28_935], authors: [bob.pubkey] })).toBe('nothing')
    expect(await askForInvite(client, { authors: [self.pubkey] })).not.toMatchObject({ kind: 28_935 })
  })

  it.each([
    ['operators', /^restricted: /, true],
    ['nobody', /^restricted: /, false],
  ] as const)('can be for %s', async (invite, refusal, isForOperators) => {
    await club.open({ invite })
    expect(await askForInvite(await member())).toMatch(refusal)
    const answer = await askForInvite(await connectAs(operator))
    expect(typeof answer === 'object').toBe(isForOperators)
  })
})

describe('a request to join', () => {
  it.each([
    ['without a claim', { tags: [] }, /^invalid: /],
    ['with a claim that is none', { tags: [['claim', 'nothing']] }, /^restricted: /],
    ['with a claim too long', { tags: [['claim', 'A'.repeat(1_000)]] }, /^restricted: /],
    ['with a claim of another alphabet', { tags: [['claim', '!'.repeat(22)]] }, /^restricted: /],
  ])('%s is refused', async (_case, template, message) => {
    const client = await club.served.connect()
    expect(await client.publish(joining(bob, '', template))).toEqual([false, expect.stringMatching(message)])
  })

  it('of another time, protected and sent by another, or of a banned key is refused', async () => {
    const claim = claimOf(await askForInvite(await member()))
    const client = await club.served.connect()
    for (const seconds of [-301, 301]) {
      const old = joining(bob, claim, { created_at: club.served.time + seconds })
      expect(await client.publish(old)).toEqual([false, expect.stringMatching(/^invalid: /)])
    }
    const isProtected = { tags: [['-'], ['claim', claim]] }
    const other = await connectAs(carol)
    expect(await other.publish(joining(bob, claim, isProtected))).toEqual([false, expect.stringMatching(/^restricted/)])
    await call('banpubkey', carol.pubkey)
    expect(await other.publish(joining(carol, claim))).toEqual([false, expect.stringMatching(/^blocked: /)])
    const own = await connectAs(bob)
    expect(await own.publish(joining(bob, claim, isProtected))).toEqual([true, expect.anything()])
  })

  it('that guesses soon has to wait, and costs no transaction', async () => {
    const client = await club.served.connect('2001:db8::1')
    await club.served.writer.idle()
    const before = club.served.writerMetrics.tasks
    const outcomes: unknown[] = []
    for (let count = 0; count < 30; count++) {
      const guess = count.toString(36).padStart(22, 'A')
      outcomes.push((await join(client, author(30 + count), guess))[1])
    }
    expect(outcomes.filter(message => String(message).startsWith('restricted: '))).toHaveLength(10)
    expect(outcomes.at(-1)).toMatch(/^rate-limited: /)
    expect(club.served.writerMetrics.tasks).toEqual(before)
    // It is the network that waits, not whoever else joins.
    expect((await join(await club.served.connect('2001:db8::2'), bob, 'A'.repeat(22)))[1]).toMatch(/^rate-limited: /)
    expect((await join(await club.served.connect('2001:db8:1::1'), bob, 'A'.repeat(22)))[1]).toMatch(/^restricted: /)
  })
})

describe('a request to leave', () => {
  it('ends a membership', async () => {
    const client = await member()
    expect(await client.publish(leaving(alice))).toEqual([true, expect.stringMatching(/^info: /)])
    expect(listed()).toEqual([])
    expect(club.served.relay.find({ kinds: [8_001] })).toHaveLength(1)
    const other = await club.served.connect()
    expect(await other.publish(alice.sign())).toEqual([false, notMember])
  })

  it('comes from the member itself', async () => {
    await member()
    const other = await connectAs(bob)
    expect(await other.publish(leaving(alice))).toEqual([false, expect.stringMatching(/^restricted: /)])
    const unprotected = alice.sign({ kind: 28_936, created_at: club.served.time })
    expect(await other.publish(unprotected)).toEqual([false, expect.stringMatching(/^invalid: /)])
    expect(await other.publish(leaving(bob))).toEqual([true, expect.stringMatching(/^duplicate: /)])
    expect(listed()).toEqual([[alice.pubkey]])
  })
})

it('lists as many members as an event holds, and the rest are members all the same', async () => {
  await club.open({ limits: { maxEventBytes: 2_048 } })
  const pubkeys = Array.from({ length: 40 }, (_, index) => author(index + 50).pubkey)
  for (const pubkey of pubkeys) await call('allowpubkey', pubkey)
  const [list] = club.served.relay.find({ kinds: [13_534] })
  expect(JSON.stringify(list).length).toBeLessThan(2_048 + 256)
  expect(listed()?.length).toBeGreaterThan(10)
  expect(pubkeys.every(club.served.relay.isMember)).toBe(true)
})

it('says nothing in public when it is told not to', async () => {
  await club.open({ publishList: false })
  const client = await member()
  expect((await join(await club.served.connect(), bob, claimOf(await askForInvite(client))))[0]).toBe(true)
  expect(club.served.relay.find({ authors: [self.pubkey] })).toEqual([])
})
