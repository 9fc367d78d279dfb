import { expect } from 'vitest'
import type { Client } from './client.ts'
import { command, type Key, newKey, open, sign } from './envelope.ts'
import type { World } from './world.ts'

/** Something that somebody tries in more than one step; `grows`: how many log entries are right afterwards. */
export type Attack = {
  readonly name: string
  readonly grows: number
  run(world: World, client: Client): Promise<void>
}

const accepted = { accepted: true, message: '' }
const isDuplicate = { accepted: true, message: 'duplicate: this event is here already' }
const name = 'alice@free.test'

const ticket = ({ service }: World, key: Key) =>
  command(service, key, 'ticket.open', { subject: 'Hello', content: 'the secret question' })
const nameEvents = ({ service }: World) => ({ kinds: [32_410], authors: [service], '#d': [name] })

/** What a customer has of the service: a command with its result, and the event of the name. */
async function deedOf(world: World, client: Client) {
  const sent = ticket(world, world.alice)
  expect(await client.publish(sent)).toEqual(accepted)
  const result = await world.resultOf(sent, world.alice)
  const [published] = (await client.request(nameEvents(world))).events
  if (published === undefined) throw new Error('the name has no event')
  return { sent, result, published }
}

/** The command, its result and the name are there for their readers as before. */
async function expectKept(world: World, client: Client, deed: Awaited<ReturnType<typeof deedOf>>): Promise<void> {
  const { sent, result, published } = deed
  expect(await client.publish(sent)).toMatchObject({ accepted: true, message: expect.stringMatching(/^duplicate: /) })
  expect(await world.resultOf(sent, world.alice)).toEqual(result)
  await client.authenticate(world.alice)
  expect((await client.request({ ids: [sent.id] })).events).toEqual([sent])
  expect((await client.request(nameEvents(world))).events).toEqual([published])
}

export const attacks: readonly Attack[] = [
  {
    name: 'a command sent again has one result, wherever it comes from',
    grows: 1,
    run: async (world, client) => {
      const sent = ticket(world, world.stranger)
      expect(await client.publish(sent)).toEqual(accepted)
      const result = await world.resultOf(sent, world.stranger)
      expect(await client.publish(sent)).toEqual(isDuplicate)
      expect(await world.honest.publish(sent)).toEqual(isDuplicate)
      expect(await world.post('/v1/commands', JSON.stringify(sent))).toEqual({ status: 200, body: result.event })
      expect(await world.resultOf(sent, world.stranger)).toEqual(result)
    },
  },
  {
    name: 'two copies of a command at the same moment are one',
    grows: 1,
    run: async (world, client) => {
      const sent = ticket(world, world.stranger)
      const path = '/v1/commands'
      const replies = [client.publish(sent), world.honest.publish(sent)]
      const posts = [world.post(path, JSON.stringify(sent)), world.post(path, JSON.stringify(sent))]
      const messages = (await Promise.all(replies)).map(({ message }) => message)
      expect(messages.filter(message => message === '').length).toBeLessThanOrEqual(1)
      const { event } = await world.resultOf(sent, world.stranger)
      for (const post of posts) expect(await post).toEqual({ status: 200, body: event })
    },
  },
  {
    name: 'a refused command sent again gets the same refusal',
    grows: 0,
    run: async (world, client) => {
      const sent = command(world.service, world.stranger, 'identifier.register', { identifier: name })
      expect(await client.publish(sent)).toEqual(accepted)
      const refusal = await world.resultOf(sent, world.stranger)
      expect(refusal.body.code).toBe('NAME_TAKEN')
      expect((await client.publish(sent)).message).toMatch(/^duplicate: /)
      expect(await world.post('/v1/commands', JSON.stringify(sent))).toEqual({ status: 200, body: refusal.event })
    },
  },
  {
    name: "somebody else's command sent again over HTTP discloses nothing",
    grows: 1,
    run: async (world, client) => {
      const { sent, result } = await deedOf(world, client)
      const { status, body } = await world.post('/v1/commands', JSON.stringify(sent))
      expect([status, body]).toEqual([200, result.event])
      expect(() => open(result.event, world.service, world.stranger)).toThrow()
      expect(JSON.stringify(body)).not.toContain('Hello')
    },
  },
  {
    name: 'somebody else who has signed in sees neither commands nor results',
    grows: 1,
    run: async (world, client) => {
      const { sent } = await deedOf(world, client)
      await client.authenticate(world.stranger)
      for (const filter of [
        { ids: [sent.id] },
        { '#e': [sent.id] },
        { authors: [world.alice.publicKey], kinds: [2410] },
      ]) {
        expect(await client.request(filter)).toEqual({ events: [], closed: null })
      }
    },
  },
  {
    name: 'a deletion request of its author removes no command',
    grows: 1,
    run: async (world, client) => {
      const deed = await deedOf(world, client)
      const request = sign(world.alice, { kind: 5, tags: [['e', deed.sent.id]] })
      expect(await client.publish(request)).toEqual(accepted)
      await expectKept(world, client, deed)
    },
  },
  {
    name: 'a deletion request of the customer removes neither result nor name',
    grows: 1,
    run: async (world, client) => {
      const deed = await deedOf(world, client)
      const { result, published } = deed
      const tags = [
        ['e', result.event.id],
        ['e', published.id],
        ['a', `32410:${world.service}:${name}`],
        ['a', `32410:${world.alice.publicKey}:${name}`],
      ]
      expect(await client.publish(sign(world.alice, { kind: 5, tags }))).toEqual(accepted)
      await expectKept(world, client, deed)
    },
  },
  {
    name: 'a deletion request that comes before its command does not stop it',
    grows: 1,
    run: async (world, client) => {
      const sent = ticket(world, world.alice)
      expect(await client.publish(sign(world.alice, { kind: 5, tags: [['e', sent.id]] }))).toEqual(accepted)
      expect(await client.publish(sent)).toEqual(accepted)
      expect((await world.resultOf(sent, world.alice)).status).toBe('ok')
      expect((await client.publish(sent)).message).toMatch(/^duplicate: /)
    },
  },
  {
    name: 'a vanish request ends no name, command or result',
    grows: 1,
    run: async (world, client) => {
      const deed = await deedOf(world, client)
      const request = sign(world.alice, { kind: 62, tags: [['relay', 'ALL_RELAYS']], content: 'forget me' })
      expect((await client.publish(request)).accepted).toBe(true)
      await expectKept(world, client, deed)
    },
  },
  {
    name: 'a command that says it has expired is done once and kept from nobody',
    grows: 1,
    run: async (world, client) => {
      const tags = [['expiration', '1']]
      const sent = command(world.service, world.alice, 'ticket.open', { subject: 'a', content: 'b' }, { tags })
      expect(await client.publish(sent)).toEqual(accepted)
      const result = await world.resultOf(sent, world.alice)
      expect(result.status).toBe('ok')
      expect((await client.publish(sent)).message).toMatch(/^duplicate: /)
      expect(await world.post('/v1/commands', JSON.stringify(sent))).toEqual({ status: 200, body: result.event })
    },
  },
  {
    name: 'a flood of old commands of somebody else changes nothing',
    grows: 0,
    run: async (world, client) => {
      const old = Array.from({ length: 20 }, (_, index) =>
        command(world.service, newKey(), 'ticket.open', { subject: 'a', content: 'b' }, { ageSeconds: 700 + index }),
      )
      const replies = await Promise.all(old.map(event => client.publish(event)))
      for (const reply of replies) {
        expect(reply).toMatchObject({ accepted: false, message: expect.stringMatching(/^invalid: EXPIRED: /) })
      }
    },
  },
  {
    name: "somebody else's invoice and ticket are out of reach, and no preimage can be invented",
    grows: 3,
    run: async world => {
      const { bob, stranger } = world
      const topup = await world.run(bob, 'balance.topup', { amountMsat: 1_000_000 })
      const invoiceId = (topup.body.invoice as { id: string }).id
      const asked = await world.run(bob, 'ticket.open', { subject: 'a', content: 'b' })
      const ticketId = (asked.body.ticket as { id: string }).id
      const tries = [
        [stranger, 'invoice.pay', { from: 'balance', invoiceId }, 'UNAUTHORIZED'],
        [stranger, 'ticket.reply', { ticketId, content: 'x' }, 'UNAUTHORIZED'],
        [stranger, 'ticket.close', { ticketId }, 'UNAUTHORIZED'],
        [bob, 'invoice.pay', { from: 'preimage', invoiceId, preimage: '0'.repeat(64) }, 'PAYMENT_FAILED'],
        [bob, 'invoice.pay', { from: 'balance', invoiceId }, 'CONFLICT'],
      ] as const
      for (const [key, method, params, code] of tries) {
        expect((await world.run(key, method, params)).body.code).toBe(code)
      }
    },
  },
  ...(
    [
      [
        'for another host',
        { relay: 'wss://relay.elsewhere.test' },
        'invalid: this authentication is for another relay',
      ],
      ['for another challenge', { challenge: '0'.repeat(32) }, 'invalid: this is not the challenge of this connection'],
      ['of another kind', { kind: 1 }, 'invalid: authentication is kind 22242'],
    ] as const
  ).map(([which, claim, message]) => ({
    name: `an authentication ${which} opens nothing`,
    grows: 0,
    run: async (world: World, client: Client) => {
      expect(await client.authenticate(world.alice, claim)).toEqual({ accepted: false, message })
      const restricted = { kinds: [2411], '#p': [world.alice.publicKey] }
      expect((await client.request(restricted)).closed).toMatch(/^auth-required: /)
      const { events } = await client.request({ '#p': [world.alice.publicKey] })
      expect(new Set(events.map(event => event.kind))).toEqual(new Set([32_410]))
    },
  })),
]
