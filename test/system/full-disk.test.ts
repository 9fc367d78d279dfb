import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../relay/event.ts'
import { unfinished } from './books.ts'
import { type Client, connectClient } from './client.ts'
import { writeConfig } from './config.ts'
import { type Fault, injectFault } from './disk-faults.ts'
import { buildProgram, type Program, verify } from './program.ts'
import { dataIn, type Server, startServer } from './server.ts'
import { createSignatory } from './signing.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { until } from './until.ts'

const mebibyte = 2 ** 20
const directory = mkdtempSync(join(tmpdir(), 'panda-full-'))
const alice = createSignatory(1)
const ending: (() => unknown)[] = []
let program: Program

beforeAll(async () => {
  program = await buildProgram()
})
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})
afterAll(() => {
  program.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** A running service with a customer on it, who remembers which of its events were acknowledged. */
async function open(data: string, storage: object) {
  const config = writeConfig(directory, { storage })
  const start = async () => {
    const server = await startServer({ program, data, config })
    ending.push(() => server.kill())
    const replies: NostrEvent[] = []
    const client = await connectClient({ server, signatory: alice, onReply: event => replies.push(event) })
    ending.push(() => client.close())
    return { server, client, replies }
  }
  const kept: string[] = []
  const publish = async (client: Client, event: NostrEvent) => {
    const answer = await client.publish(event)
    if (answer.accepted) kept.push(event.id)
    return answer
  }
  return {
    ...(await start()),
    kept,
    note: (client: Client, bytes = 10) =>
      publish(
        client,
        alice.sign({ kind: 1, created_at: Math.floor(Date.now() / 1_000), tags: [], content: randomText(bytes) }),
      ),
    command: ({ client, server }: { client: Client; server: Server }, method = 'ticket.open', params?: object) =>
      publish(
        client,
        alice.command(server.servicePublicKey, method, params ?? { subject: 'a question', content: 'an answer?' }),
      ),
    /** Ends the service, starts it again, and looks whether everything that was acknowledged is there and in order. */
    restartAndCheck: async (server: Server) => {
      const { exitCode, ms } = await server.stop()
      expect({ exitCode, log: server.log() }).toMatchObject({
        exitCode: 0,
        log: expect.not.stringContaining('unhandled'),
      })
      expect(ms).toBeLessThan(5_000)
      expect(await verify(program, data)).toMatchObject({ exitCode: 0 })
      const again = await start()
      for (let index = 0; index < kept.length; index += 100) {
        const ids = kept.slice(index, index + 100)
        expect((await again.client.find({ ids })).length).toBe(ids.length)
      }
      const stopped = await again.server.stop()
      expect(stopped, again.server.log()).toMatchObject({ exitCode: 0, signal: null })
    },
  }
}

let textCount = 0
function randomText(bytes: number): string {
  return `${textCount++} `.repeat(bytes).slice(0, bytes)
}

const refused = { accepted: false, message: expect.stringMatching(/^error: /) }
const accepted = { accepted: true, message: '' }

/** Sends until it is refused; gives the refusal. */
async function fill(send: () => Promise<{ accepted: boolean; message: string }>, most: number) {
  for (let count = 0; count < most; count++) {
    const answer = await send()
    if (!answer.accepted) return answer
  }
  return { accepted: true, message: `never refused in ${most} times` }
}

describe('a disk that fills up', () => {
  const disks: SmallDisk[] = []
  const smallDisk = (bytes: number) => {
    const disk = mountSmallDisk(bytes)
    disks.push(disk)
    return disk
  }
  afterAll(() => {
    for (const disk of disks) disk.unmount()
  })

  it('is left to commands, then to payments, and taken into use again when there is room', async () => {
    const disk = smallDisk(64 * mebibyte)
    const data = dataIn(disk.directory)
    const limits = { maxDataBytes: 2 ** 30, diskReserveBytes: 16 * mebibyte, mapSizeBytes: 2 ** 30 }
    const service = await open(data, limits)
    const { server, client, replies } = service
    expect(await service.note(client)).toEqual(accepted)
    expect(await service.command(service, 'balance.topup', { amountMsat: 7_000 })).toEqual(accepted)
    const invoice = await until('an invoice', () => {
      const invoiced = replies.map(alice.read).find(({ status }) => status === 'payment-required')
      return (invoiced?.body as { invoice: { bolt11: string; paymentHash: string } } | undefined)?.invoice
    })

    disk.leave(20 * mebibyte)
    expect(await fill(() => service.note(client, 40_000), 400)).toEqual(refused)
    expect(await service.command(service)).toEqual(accepted)

    disk.leave(6 * mebibyte)
    await until('commands are refused', async () => ((await service.command(service)).accepted ? undefined : true))
    expect(await service.command(service)).toEqual(refused)
    expect(await service.note(client)).toEqual(refused)
    await server.pay(invoice.bolt11)
    await until('the payment is booked', async () =>
      (await unfinished(data, [invoice.paymentHash])).length === 0 ? true : undefined,
    )
    expect(await client.find({ ids: service.kept.slice(0, 1) })).toHaveLength(1)
    expect((await fetch(`${server.httpUrl}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.httpUrl}/readyz`)).status).toBe(503)

    disk.free()
    await until('events are taken', async () => ((await service.note(client)).accepted ? true : undefined))
    expect(await service.command(service)).toEqual(accepted)
    await service.restartAndCheck(server)
  })

  it.each([
    ['is freed before the service ends', true],
    ['is still full when the service ends', false],
  ])('without a reserve ends nothing but the writing, and %s', async (_what, freed) => {
    const disk = smallDisk(32 * mebibyte)
    const data = dataIn(disk.directory)
    const service = await open(data, { maxDataBytes: 2 ** 30, diskReserveBytes: 0, mapSizeBytes: 2 ** 30 })
    const { server, client } = service
    expect(await service.note(client)).toEqual(accepted)
    disk.leave(2 * mebibyte)
    // Several under way at once, so that a commit fails that others wait behind.
    const answers = await Promise.all(Array.from({ length: 100 }, () => service.note(client, 60_000)))
    expect(answers.filter(answer => !answer.accepted).length).toBeGreaterThan(10)
    for (const answer of answers) expect(answer.accepted ? accepted : refused).toEqual(answer)
    expect(await service.note(client, 60_000)).toEqual(refused)
    expect(server.isRunning()).toBe(true)
    expect(await client.find({ ids: service.kept.slice(0, 1) })).toHaveLength(1)
    if (freed) {
      disk.free()
      expect(await service.note(client, 60_000)).toEqual(accepted)
      expect(await service.command(service)).toEqual(accepted)
    }
    if (!freed) {
      const { exitCode, ms } = await server.stop()
      expect(exitCode).toBe(0)
      expect(ms).toBeLessThan(5_000)
      disk.free()
    }
    await service.restartAndCheck(server)
  })
})

describe('a disk that fails', () => {
  const rows: [string, Fault, 'mended' | 'not mended'][] = [
    ['is full in the middle of a commit', { calls: 'write', error: 'ENOSPC' }, 'mended'],
    ['cannot be written', { calls: 'write', error: 'EIO' }, 'mended'],
    ['cannot be written', { calls: 'write', error: 'EIO' }, 'not mended'],
    ['cannot be synced', { calls: 'sync', error: 'EIO' }, 'not mended'],
  ]
  it.each(rows)(
    '%s (%o, %s): nothing is acknowledged that is not on it, and the service lives',
    async (_what, fault, end) => {
      const data = mkdtempSync(join(directory, 'd-'))
      const service = await open(data, { maxDataBytes: 2 ** 30, diskReserveBytes: 0, mapSizeBytes: 2 ** 30 })
      const { server, client } = service
      expect(await service.note(client)).toEqual(accepted)
      expect(await service.command(service)).toEqual(accepted)
      const faults = await injectFault(server, join(data, 'data.mdb'), fault)
      ending.push(() => faults.remove())
      for (let count = 0; count < 3; count++) {
        expect(await service.note(client)).toEqual(refused)
        expect(await service.command(service)).toEqual(refused)
      }
      expect(server.isRunning()).toBe(true)
      expect(await client.find({ ids: service.kept.slice(0, 1) })).toHaveLength(1)
      if (end === 'mended') {
        await faults.remove()
        expect(await service.note(client)).toEqual(accepted)
        expect(await service.command(service)).toEqual(accepted)
      }
      await service.restartAndCheck(server)
    },
  )
})

describe('data that has reached its cap', () => {
  it('grows no further, though LMDB would make its map larger by itself', async () => {
    const data = mkdtempSync(join(directory, 'd-'))
    const cap = 16 * mebibyte
    const service = await open(data, { maxDataBytes: cap, diskReserveBytes: 0, mapSizeBytes: cap })
    const { server, client } = service
    expect(await fill(() => service.note(client, 60_000), 1_000)).toEqual(refused)
    expect(await service.command(service)).toEqual(refused)
    expect(server.log()).toContain('"room":"facts"')
    // The cap is looked at once a second, and what came meanwhile was taken.
    expect(statSync(join(data, 'data.mdb')).size).toBeLessThan(3 * cap)
    expect(server.isRunning()).toBe(true)
    expect(await client.find({ ids: service.kept.slice(0, 1) })).toHaveLength(1)
    await service.restartAndCheck(server)
  })
})
