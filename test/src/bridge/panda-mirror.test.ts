import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { type Client, connect } from '../../end-to-end/client.ts'
import { command, type Key, newKey, open, query } from '../../end-to-end/envelope.ts'
import { type RunningService, runService } from '../metrics/running-service.ts'

let mirror: RunningService
let service: RunningService
let client: Client
let alice: Key
beforeEach(async () => {
  mirror = await runService({ relay: { policy: 'open' } })
  const url = mirror.panda.urls.websocket
  service = await runService({ bridge: { relays: [{ url }] } })
  alice = newKey()
  client = await connect(url)
  expect(await client.authenticate(alice, { relay: url })).toMatchObject({ accepted: true })
})
afterEach(async () => {
  client.close()
  await service.close()
  await mirror.close()
})

const isCaughtUp = async () => expect((await service.get('/metrics')).body).toMatch(/panda_bridge_caught_up\{.*\} 1/)

describe('a Panda whose relay is open to all', () => {
  it('is a mirror of another, and executes nothing of what is meant for that', async () => {
    const { servicePublicKey } = service.panda
    await vi.waitFor(isCaughtUp, { timeout: 5_000, interval: 50 })
    const quote = { identifier: 'alice@localhost' }

    const asked = command(servicePublicKey, alice, 'ticket.open', { subject: 'Hello', content: 'Is anybody there?' })
    await client.subscribe('results', { kinds: [2_411], '#e': [asked.id] })
    expect(await client.publish(asked)).toEqual({ accepted: true, message: '' })
    const eventOf = (message: unknown[]) => (message[0] === 'EVENT' ? (message[2] as NostrEvent) : undefined)
    expect(open(await client.take('result', eventOf), servicePublicKey, alice)).toMatchObject({ status: 'ok' })

    await client.subscribe('answers', { kinds: [22_411], '#p': [alice.publicKey] })
    expect(await client.publish(query(servicePublicKey, alice, 'identifier.quote', quote))).toMatchObject({
      accepted: true,
    })
    expect(open(await client.take('answer', eventOf), servicePublicKey, alice)).toMatchObject({ status: 'ok' })

    const { body } = await mirror.get('/metrics')
    expect(body).not.toMatch(/^panda_commands_total\{method="ticket.open"/m)
    expect(body).not.toMatch(/^panda_queries_total\{/m)
  })
})
