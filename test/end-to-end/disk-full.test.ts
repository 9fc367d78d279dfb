import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callControl, controlSocketPath } from '../../src/cli/control-socket.ts'
import type { Client } from './client.ts'
import { command, open, sign } from './envelope.ts'
import { dispatchPanda } from './panda-process.ts'
import { createWorld, type World } from './world.ts'

const maxDataBytes = 1_048_576
const fullMessage = 'error: INTERNAL: the service is short of disk space, try again later'
/** The service looks at its disk once a second; until then what is over the cap still gets in. */
const maxCommands = 400

let world: World
let client: Client
let invoice: { id: string; bolt11: string }

beforeAll(async () => {
  world = await createWorld({ storage: { maxDataBytes, diskReserveBytes: maxDataBytes } })
  client = await world.connect()
  const topup = await world.run(world.bob, 'balance.topup', { amountMsat: 1_000_000 })
  invoice = topup.body.invoice as typeof invoice
  await fill()
}, 30_000)

afterAll(() => world?.close())

const largeRecords = (salt: number) =>
  Array.from({ length: 15 }, (_, index) => ({ type: 'TXT', value: `${salt} ${index} ${'x'.repeat(1_000)}` }))

const setRecords = (salt: number) =>
  command(world.service, world.alice, 'identifier.set_records', {
    identifier: 'alice@free.test',
    records: largeRecords(salt),
  })

async function fill(): Promise<void> {
  for (let count = 0; count < maxCommands; count++) {
    const { accepted, message } = await client.publish(setRecords(count))
    if (accepted) continue
    expect(message).toBe(fullMessage)
    return
  }
  throw new Error(`${maxCommands} commands did not fill ${maxDataBytes} bytes`)
}

describe('a service whose disk is full', () => {
  it('refuses commands, and says that it is its own fault', async () => {
    const before = world.logLength()
    expect(await client.publish(setRecords(-1))).toEqual({ accepted: false, message: fullMessage })
    expect(await world.post('/v1/commands', JSON.stringify(setRecords(-2)))).toEqual({
      status: 503,
      body: { error: { code: 'INTERNAL', message: 'the service is short of disk space, try again later' } },
    })
    expect(world.logLength()).toBe(before)
  })

  it('refuses ordinary events', async () => {
    const profile = sign(world.alice, { kind: 0, content: '{}' })
    const message = 'error: the relay is short of disk space, try again later'
    expect(await client.publish(profile)).toEqual({ accepted: false, message })
  })

  it('still answers queries and look-ups, and says in /readyz what is wrong', async () => {
    expect((await world.askHonestly()).body).toMatchObject({ owner: world.alice.publicKey })
    const headers = { host: 'free.test' }
    expect((await fetch(`${world.panda.localUrl}/.well-known/nostr.json?name=_`, { headers })).status).toBe(200)
    const ready = await fetch(`${world.panda.localUrl}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([
      503,
      expect.objectContaining({
        ready: false,
        checks: expect.arrayContaining([{ name: 'store', ok: false, detail: 'short of space: payments only' }]),
      }),
    ])
  })

  it('still records a payment, fulfils it and tells the customer', async () => {
    const before = world.logLength()
    await client.authenticate(world.bob)
    await client.subscribe('notices', { kinds: [2412], '#p': [world.bob.publicKey] })
    await callControl(controlSocketPath(world.directory), 'dev.pay', { invoice: invoice.bolt11 })
    const notice = await client.take('order.fulfilled', ([verb, , value]) => {
      const event = value as Parameters<typeof open>[0]
      return verb === 'EVENT' && event.tags.some(tag => tag[1] === 'order.fulfilled') ? event : undefined
    })
    expect(open(notice, world.service, world.bob).body).toMatchObject({ receivedMsat: 1_000_000 })
    expect(world.logLength()).toBe(before + 1)
  })

  it('lives on, with a log that gives the tables', async () => {
    expect(world.panda.isAlive()).toBe(true)
    const { exitCode, out } = await dispatchPanda(['verify', '--data', world.directory])
    expect([exitCode, out]).toEqual([0, expect.stringContaining(`verified: ${world.logLength()} log entries`)])
  })
})
