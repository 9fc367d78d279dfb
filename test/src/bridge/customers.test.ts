import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { type Served, serveRelay } from '../../relay/serve-relay.ts'
import { keyOf, startTime } from '../service.ts'
import {
  type BridgedService,
  commandOf,
  freeName,
  makeDirectory,
  openBridgedService,
  read,
  signed,
} from './bridged-service.ts'
import { type Gate, openGate } from './gate.ts'

const alice = keyOf(2)
const service = keyOf(1).publicKey

let other: Served
let gate: Gate
let data: ReturnType<typeof makeDirectory>
let panda: BridgedService | null = null
let clock: { time: number }
beforeEach(async () => {
  other = await serveRelay({ limits: { createdAtBehindSeconds: 10 ** 9 } })
  gate = await openGate(other.port)
  data = makeDirectory()
  clock = { time: startTime }
})
afterEach(async () => {
  await panda?.close()
  panda = null
  await gate.shut()
  await other.close()
  data.remove()
})

type Options = Partial<Parameters<typeof openBridgedService>[0]>

/** A service that has the other relay for a mirror, unless its `config` says otherwise. */
async function open(options: Options = {}): Promise<BridgedService> {
  const config = {
    relays: [{ url: gate.url, read: true, write: true }],
    customerRelays: 'never' as const,
    ...options.config,
  }
  panda = await openBridgedService({ directory: data.directory, clock, ...options, config })
  return panda
}
const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

/** Publishes on the other relay only, as a customer does who knows no other. */
async function publish(...events: NostrEvent[]): Promise<void> {
  const client = await other.connect()
  for (const event of events) expect(await client.publish(event)).toEqual([true, ''])
  client.socket.terminate()
}

const resultsAt = (relay: Served['relay'], command: NostrEvent) =>
  relay.find({ kinds: [2_411], authors: [service], '#e': [command.id] })

/** Waits for the result of a command on the other relay. */
async function resultOf(command: NostrEvent, key = alice) {
  await until(() => expect(resultsAt(other.relay, command)).toHaveLength(1))
  const [result] = resultsAt(other.relay, command)
  if (result === undefined) throw new Error('no result')
  return read(result, key)
}

describe('what goes to the relays of customers', () => {
  const listAt = (created_at: number, ...tags: string[][]) => signed(alice, { kind: 10_002, created_at, tags })
  const listOf = (...tags: string[][]) => listAt(startTime, ...tags)
  const register = (name: string) => commandOf(alice, 'identifier.register', freeName(name))
  const withCustomers = { relays: [], customerRelays: 'always' as const, privateCustomerRelays: true }

  it('is results and notices, where the customer reads', async () => {
    const one = await open({ config: withCustomers })
    await one.submit(register('first'))
    expect(await one.submit(listOf(['r', gate.url]))).toMatchObject({ accepted: true })
    const command = register('second')
    await one.submit(command)
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
    // Name events are for mirrors.
    expect(other.relay.find({ kinds: [32_410] })).toEqual([])
    // A relay that has everything is left alone.
    await until(() => expect(one.bridge.state()).toEqual([]))
    await until(() => expect(other.relay.stats().connections).toBe(0))
  })

  describe('as another relay has it', () => {
    const config = { customerRelays: 'always' as const, privateCustomerRelays: true }
    const year = 365 * 86_400
    let reads: Served
    beforeEach(async () => {
      reads = await serveRelay()
    })
    afterEach(() => reads.close())

    it.each([
      ['is learnt from the relay that the customer uses', 'members' as const, 0],
      ['is learnt where our relay takes no lists', 'commands' as const, 0],
      ['is learnt when the list is very old', 'members' as const, 4 * year],
    ])('%s', async (_what, policy, age) => {
      await publish(listAt(startTime - age, ['r', reads.url, 'read']))
      await open({ config, policy })
      const first = register('first')
      await publish(first)
      // What was on its way when the list came is there as well.
      await until(() => expect(resultsAt(reads.relay, first)).toHaveLength(1))
      const second = register('second')
      await publish(second)
      await until(() => expect(resultsAt(reads.relay, second)).toHaveLength(1))
      expect(panda?.relay.find({ kinds: [10_002] })).toEqual([])
      expect(panda?.errors).toEqual([])
    })

    it('is known after a restart', async () => {
      await publish(listAt(startTime, ['r', reads.url]))
      await open({ config })
      const first = register('first')
      await publish(first)
      await until(() => expect(resultsAt(reads.relay, first)).toHaveLength(1))
      await panda?.close()
      await gate.shut()
      const again = await open({ config })
      const second = register('second')
      await again.submit(second)
      await until(() => expect(resultsAt(reads.relay, second)).toHaveLength(1))
    })

    it('is looked up again a day later, so that who moves is found', async () => {
      const moved = await serveRelay()
      await publish(listAt(startTime - 10, ['r', reads.url]))
      await open({ config })
      const first = register('first')
      await publish(first)
      await until(() => expect(resultsAt(reads.relay, first)).toHaveLength(1))
      await publish(listAt(startTime, ['r', moved.url]))
      for (const relay of [other, reads, moved]) relay.time += 86_400
      clock.time += 86_400
      const second = commandOf(alice, 'identifier.register', freeName('second'), { at: clock.time })
      await publish(second)
      await until(() => expect(resultsAt(moved.relay, second)).toHaveLength(1))
      const third = commandOf(alice, 'identifier.register', freeName('third'), { at: clock.time })
      await publish(third)
      await until(() => expect(resultsAt(moved.relay, third)).toHaveLength(1))
      expect(resultsAt(reads.relay, third)).toEqual([])
      await panda?.close()
      panda = null
      await moved.close()
    })

    it('does not stand against a newer one here', async () => {
      await publish(listAt(startTime - 10, ['r', 'ws://127.0.0.1:9/']))
      const one = await open({ config })
      await one.submit(register('first'))
      await until(() => expect(one.stateOf('ws://127.0.0.1:9/')).toBeDefined())
      await one.submit(listAt(startTime, ['r', reads.url]))
      const second = register('second')
      await one.submit(second)
      await until(() => expect(resultsAt(reads.relay, second)).toHaveLength(1))
    })
  })

  it('does not go where the customer only writes', async () => {
    const one = await open({ config: withCustomers })
    await one.submit(listOf(['r', gate.url, 'write']))
    await one.submit(register('first'))
    await one.submit(register('second'))
    await until(() => expect(one.outbound.parcels('', 0, 1)).toEqual([]))
    expect(one.outbound.waiting()).toEqual([])
  })

  it('goes to few relays of each', async () => {
    const one = await open({ config: { ...withCustomers, relaysPerCustomer: 2 } })
    await one.submit(listOf(...[1, 2, 3, 4].map(port => ['r', `ws://127.0.0.1:${port}/`])))
    await one.submit(register('first'))
    await until(() => expect(one.outbound.waiting()).toHaveLength(2))
  })

  it('goes nowhere for those who have no account', async () => {
    const one = await open({ config: withCustomers })
    await one.submit(listOf(['r', gate.url]))
    const refused = commandOf(alice, 'identifier.register', { identifier: 'admin@free.example', years: 1 })
    expect(await one.submit(refused)).toMatchObject({ accepted: true })
    expect(resultsAt(one.relay, refused)).toHaveLength(1)
    await until(() => expect(one.outbound.parcels('', 0, 1)).toEqual([]))
    expect(one.outbound.waiting()).toEqual([])
  })

  it.each([
    ['without TLS', 'ws://relay.example.com/'],
    ['on another port', 'wss://relay.example.com:8443/'],
    ['at an address', 'wss://127.0.0.1/'],
    ['at an address of IPv6', 'wss://[::1]/'],
    ['at a name of this machine', 'wss://localhost/'],
    ['with a password', 'wss://a:b@relay.example.com/'],
    ['that is ours', 'wss://panda.example/'],
  ])('does not go to a relay %s', async (_what, url) => {
    const one = await open({ config: { relays: [], customerRelays: 'always' as const } })
    await one.submit(listOf(['r', url]))
    await one.submit(register('first'))
    await until(() => expect(one.outbound.parcels('', 0, 1)).toEqual([]))
    expect(one.outbound.waiting()).toEqual([])
  })

  it('does not go to a name that leads to this machine', async () => {
    const asked: string[] = []
    const resolve = (hostname: string) => {
      asked.push(hostname)
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    }
    const one = await open({ config: { relays: [], customerRelays: 'always' as const }, resolve })
    await one.submit(listOf(['r', 'wss://relay.example.com/']))
    await one.submit(register('first'))
    await until(() => {
      expect(asked.length).toBeGreaterThan(1)
      expect(one.stateOf('wss://relay.example.com/')).toMatchObject({
        connected: false,
        lastError: 'the host has an address that is not public',
      })
    })
    expect(asked[0]).toBe('relay.example.com')
  })
})
