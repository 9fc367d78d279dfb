import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Served, serveRelay } from '../../relay/serve-relay.ts'
import { keyOf, startTime } from '../service.ts'
import { type BridgedService, commandOf, freeName, makeDirectory, openBridgedService, read } from './bridged-service.ts'
import { type Gate, openGate } from './gate.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const service = keyOf(1).publicKey
const hour = 3_600

let other: Served
let gate: Gate
let data: ReturnType<typeof makeDirectory>
let panda: BridgedService | null = null
let clock: { time: number }
beforeEach(async () => {
  other = await serveRelay()
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

/** A service that has the other relay for a mirror. */
async function open(options: Options = {}): Promise<BridgedService> {
  const config = {
    relays: [{ url: gate.url, read: true, write: true }],
    customerRelays: 'never' as const,
    ...options.config,
  }
  panda = await openBridgedService({ directory: data.directory, clock, ...options, config })
  return panda
}
const caughtUp = (one: BridgedService) => until(() => expect(one.stateOf(gate.url)?.caughtUp).toBe(true))
const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 10 })
const passTime = (seconds: number) => {
  clock.time += seconds
  other.time = clock.time
}

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

describe('a customer of another relay', () => {
  it('sends a command there and finds its result there, and the event of the name', async () => {
    const one = await open()
    await caughtUp(one)
    const command = commandOf(alice, 'identifier.register', freeName('alice'), { sealed: true })
    await publish(command)
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
    await until(() => expect(other.relay.find({ kinds: [32_410], '#d': ['alice@free.example'] })).toHaveLength(1))
    // What is sent once need not be sent again.
    await until(() => expect(one.stateOf(gate.url)?.queued).toBe(0))
    expect(one.errors).toEqual([])
  })

  it('is answered when the command came before we did', async () => {
    const command = commandOf(alice, 'identifier.register', freeName('alice'))
    await publish(command)
    await open()
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
  })

  it('is answered what was refused with a result', async () => {
    const one = await open()
    const taken = commandOf(bob, 'identifier.register', freeName('alice'))
    expect(await one.submit(commandOf(alice, 'identifier.register', freeName('alice')))).toMatchObject({
      accepted: true,
    })
    await publish(taken)
    expect(await resultOf(taken, bob)).toMatchObject({ status: 'error', body: { code: 'NAME_TAKEN' } })
  })

  it('asks, and is answered while it listens', async () => {
    const one = await open()
    await caughtUp(one)
    const client = await other.connect()
    client.send('REQ', 'answers', { kinds: [22_411], '#p': [alice.publicKey] })
    expect((await client.next()).slice(0, 2)).toEqual(['EOSE', 'answers'])
    const query = commandOf(alice, 'identifier.quote', { identifier: 'alice@free.example' }, { kind: 22_410 })
    client.send('EVENT', query)
    const answers: NostrEvent[] = []
    while (answers.length === 0) {
      const [verb, , event] = await client.next()
      if (verb === 'EVENT') answers.push(event as NostrEvent)
    }
    expect(answers[0]?.tags).toContainEqual(['e', query.id])
  })

  it('has commands handled in the order in which they were made, whatever order they come in', async () => {
    const at = startTime - 100
    const commands = [
      commandOf(alice, 'identifier.register', freeName('alice'), { at }),
      ...[1, 2, 3, 4, 5].map(number =>
        commandOf(
          alice,
          'identifier.set_records',
          {
            identifier: 'alice@free.example',
            records: [{ type: 'TXT', value: `number ${number}`, priority: 0, ttlSeconds: 3_600 }],
          },
          { at: at + number },
        ),
      ),
    ]
    await publish(...commands.toReversed())
    const one = await open()
    for (const command of commands) expect(await resultOf(command)).toMatchObject({ status: 'ok' })
    const row = one.environment.reader.get(tables.identifiers, ['free.example', 'alice'])
    expect(row?.records.map(({ value }) => value)).toEqual(['number 5'])
  })

  it('gets more than one page of what was sent while we were away', async () => {
    await other.close()
    other = await serveRelay({ limits: { maxLimit: 3 } })
    await gate.shut()
    gate = await openGate(other.port)
    // Two in each second, so that the edges of pages fall within one.
    const commands = Array.from({ length: 11 }, (_, index) =>
      commandOf(keyOf(100 + index), 'identifier.register', freeName(`name${index}`), {
        at: startTime - 300 + Math.floor(index / 2),
      }),
    )
    await publish(...commands)
    await open()
    for (const [index, command] of commands.entries()) {
      expect(await resultOf(command, keyOf(100 + index))).toMatchObject({ status: 'ok' })
    }
  })
})

describe('a relay that is away', () => {
  it('gets what was published meanwhile when it is back', async () => {
    const one = await open()
    await caughtUp(one)
    await gate.shut()
    await until(() => expect(one.stateOf(gate.url)?.connected).toBe(false))
    const command = commandOf(alice, 'identifier.register', freeName('alice'))
    expect(await one.submit(command)).toMatchObject({ accepted: true })
    await until(() => expect(one.outbound.queued(gate.url)).toBeGreaterThan(0))
    passTime(hour)
    await gate.open()
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
  })

  it('loses no command that may still be executed an hour later, and those that may not are told so', async () => {
    const one = await open()
    await caughtUp(one)
    await gate.shut()
    await until(() => expect(one.stateOf(gate.url)?.connected).toBe(false))
    const lasting = commandOf(alice, 'identifier.register', freeName('alice'), { executeBy: startTime + 2 * hour })
    const late = commandOf(bob, 'identifier.register', freeName('bob'), { executeBy: startTime + hour - 1 })
    const usual = commandOf(bob, 'identifier.register', freeName('bob2'))
    await publish(lasting, late, usual)
    passTime(hour)
    await gate.open()
    expect(await resultOf(lasting)).toMatchObject({ status: 'ok' })
    for (const command of [late, usual]) {
      expect(await resultOf(command, bob)).toMatchObject({ status: 'error', body: { code: 'EXPIRED' } })
    }
  })

  it('that made a day ago a command which may still be executed is asked for it', async () => {
    await open()
    const command = commandOf(alice, 'identifier.register', freeName('alice'), {
      at: startTime - 86_000,
      executeBy: startTime + 300,
    })
    await publish(command)
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
  })

  it('is sent after a restart what was queued before', async () => {
    const before = await open()
    await caughtUp(before)
    await gate.shut()
    const command = commandOf(alice, 'identifier.register', freeName('alice'))
    expect(await before.submit(command)).toMatchObject({ accepted: true })
    await before.close()
    await gate.open()
    await open()
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
  })

  it('is sent after a crash what was not even sorted by relays', async () => {
    const before = await open()
    // As if the process had ended before anything after the commit: the queue's rows are written with the command.
    before.bridge.stop()
    const command = commandOf(alice, 'identifier.register', freeName('alice'))
    expect(await before.submit(command)).toMatchObject({ accepted: true })
    expect(before.outbound.parcels('', 0, 10)).not.toEqual([])
    await before.close()
    await open()
    expect(await resultOf(command)).toMatchObject({ status: 'ok' })
  })

  it('has things kept for it for so long, and so many', async () => {
    await gate.shut()
    const one = await open({ config: { keepSeconds: 2 * hour, maxQueued: 3 } })
    for (const index of [1, 2, 3, 4]) {
      const command = commandOf(alice, 'identifier.register', freeName(`name${index}`))
      expect(await one.submit(command)).toMatchObject({ accepted: true })
    }
    // A result and the event of a name for each.
    await until(() => expect(one.lost()).toBe(5))
    expect(one.outbound.queued(gate.url)).toBe(3)
    passTime(2 * hour + 1)
    await until(() => expect(one.outbound.queued(gate.url)).toBe(0))
    await until(() => expect(one.stateOf(gate.url)?.dropped).toBe(3))
    expect(one.outbound.waiting()).toEqual([])
    await gate.open()
  })
})

describe('a command that is refused before it is looked at', () => {
  it.each([
    ['EXPIRED', commandOf(alice, 'identifier.register', freeName('a1'), { at: startTime - hour })],
    ['EXPIRED', commandOf(alice, 'identifier.register', freeName('a1'), { at: startTime + 600 })],
    ['UNKNOWN_METHOD', commandOf(alice, 'identifier.steal', {})],
    ['INVALID_PARAMS', commandOf(alice, 'identifier.register', { nobody: 'knows' })],
    ['ENCRYPTION_REQUIRED', commandOf(alice, 'ticket.open', {})],
    ['UNSUPPORTED_ENCRYPTION', commandOf(alice, 'ticket.open', {}, { tags: [['encryption', 'nip04']] })],
  ])('is answered with %s, to its author alone', async (code, command) => {
    await publish(command)
    await open()
    expect(await resultOf(command)).toMatchObject({ status: 'error', body: { code } })
    expect(resultsAt(other.relay, command)[0]?.tags).toContainEqual(['p', alice.publicKey])
  })

  it('is answered once, however often we are away', async () => {
    const command = commandOf(alice, 'identifier.steal', {})
    await publish(command)
    for (const _time of [1, 2]) {
      const one = await open()
      await caughtUp(one)
      await resultOf(command)
      passTime(5 * hour)
      await one.close()
    }
    const one = await open()
    await caughtUp(one)
    await until(() => expect(one.isEmpty()).toBe(true))
    expect(resultsAt(other.relay, command)).toHaveLength(1)
  })

  it('is answered within a ration for each key', async () => {
    const commands = [1, 2, 3, 4].map(() => commandOf(alice, 'identifier.steal', {}))
    const others = commandOf(bob, 'identifier.steal', {})
    await publish(...commands, others)
    const one = await open({ config: { answersPerKeyPerDay: 2 } })
    await caughtUp(one)
    await resultOf(others, bob)
    await until(() => expect(one.isEmpty()).toBe(true))
    expect(commands.filter(command => resultsAt(other.relay, command).length > 0)).toHaveLength(2)
  })

  it('waits when it is only too early', async () => {
    const commands = Array.from({ length: 4 }, (_, index) =>
      commandOf(alice, 'identifier.register', freeName(`name${index}`), { at: startTime - 9 + index }),
    )
    await publish(...commands)
    // Half a minute's worth may come at once: one, and then one each second.
    await open({ rations: { commandsPerKeyPerMinute: 2 } })
    expect(await resultOf(commands[0] as NostrEvent)).toMatchObject({ status: 'ok' })
    await new Promise(done => setTimeout(done, 200))
    expect(commands.filter(command => resultsAt(other.relay, command).length > 0)).toHaveLength(1)
    passTime(hour)
    // Until nobody may execute it any more.
    await until(() => expect(commands.filter(command => resultsAt(other.relay, command).length > 0)).toHaveLength(4))
    expect(await resultOf(commands[3] as NostrEvent)).toMatchObject({ body: { code: 'EXPIRED' } })
  })
})
