import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NostrEvent } from '../../relay/event.ts'
import { readHead } from '../../src/store/log.ts'
import { openBeside } from '../../src/store/open-beside.ts'
import { type Client, connect } from './client.ts'
import { command, type Key, newKey, open, query, type Reply, readKey } from './envelope.ts'
import { type PandaProcess, startPanda } from './panda-process.ts'

/** A service that runs, an honest customer who stays connected throughout, and somebody who misbehaves. */
export type World = {
  readonly directory: string
  readonly panda: PandaProcess
  readonly service: string
  /** The service's own secret key, as a thief of the key file would have it. */
  readonly serviceKey: Key
  readonly operator: Key
  readonly suspended: Key
  /** Owns `alice@free.test` and `second@free.test`. */
  readonly alice: Key
  /** Has no name, and an unpaid order that holds `held@localhost`. */
  readonly bob: Key
  /** Has never been seen. */
  readonly stranger: Key
  readonly honest: Client
  /** A connection for whatever comes next; closed at the end. */
  connect(): Promise<Client>
  /** How many entries the log has. */
  logLength(): number
  /** POSTs a body as JSON. */
  post(path: string, body: string, contentType?: string): Promise<{ status: number; body: unknown }>
  /** Sends a command of a key and gives its result, with the status it has by then. */
  run(key: Key, method: string, params: object): Promise<Reply>
  /** The result of a command as its author reads it on the websocket. */
  resultOf(event: NostrEvent, key: Key): Promise<Reply>
  /** Asks an honest question; gives the answer. */
  askHonestly(): Promise<Reply>
  close(): Promise<void>
}

const mapSizeBytes = 2 ** 36

/** Starts a service whose rations do not get in the way of the tests. `settings` adds sections to its configuration. */
export async function createWorld(settings: Record<string, unknown> = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'panda-world-'))
  const suspended = newKey()
  const config = join(directory, 'panda.json')
  writeFileSync(config, JSON.stringify({ ...baseConfig(suspended.publicKey), ...settings }))
  const panda = await startPanda({ args: ['--data', directory, '--port', '0', '--config', config] })
  const service = panda.servicePublicKey
  const environment = await openBeside({ directory, mapSizeBytes })
  const [operator, alice, bob] = [readKey(join(directory, 'operator.key')), newKey(), newKey()]
  const clients: Client[] = []

  const connectOne = async () => {
    const client = await connect(panda.websocketUrl)
    clients.push(client)
    return client
  }
  const honest = await connectOne()
  const reader = await connectOne()
  await honest.authenticate(alice)
  await honest.subscribe('answers', { kinds: [22_411], '#p': [alice.publicKey] })

  const resultOf = async (event: NostrEvent, key: Key): Promise<Reply> => {
    await reader.authenticate(key)
    const { events } = await reader.request({ kinds: [2411], '#e': [event.id] })
    const [result] = events
    if (result === undefined || events.length > 1) throw new Error(`${events.length} results of ${event.id}`)
    return open(result, service, key)
  }
  const post: World['post'] = async (path, body, contentType = 'application/json') => {
    const url = `${panda.httpUrl}${path}`
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': contentType }, body })
    return { status: response.status, body: await response.json() }
  }
  const run: World['run'] = async (key, method, params) => {
    const { status, body } = await post('/v1/commands', JSON.stringify(command(service, key, method, params)))
    if (status !== 200) throw new Error(`${method}: ${status} ${JSON.stringify(body)}`)
    return open(body as NostrEvent, service, key)
  }

  const world: World = {
    directory,
    panda,
    service,
    serviceKey: readKey(join(directory, 'service.key')),
    operator,
    suspended,
    alice,
    bob,
    stranger: newKey(),
    honest,
    connect: connectOne,
    logLength: () => {
      environment.root.resetReadTxn()
      return readHead(environment).seq
    },
    post,
    run,
    resultOf,
    askHonestly: async () => {
      const event = query(service, alice, 'identifier.get', { identifier: 'alice@free.test' })
      await honest.publish(event)
      const answer = await honest.take('answer', ([verb, , value]) => {
        if (verb !== 'EVENT') return undefined
        return (value as NostrEvent).tags.some(tag => tag[1] === event.id) ? (value as NostrEvent) : undefined
      })
      return open(answer, service, alice)
    },
    close: async () => {
      for (const client of clients) client.close()
      await panda.stop()
      await environment.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  for (const identifier of ['alice@free.test', 'second@free.test'])
    await run(alice, 'identifier.register', { identifier })
  await run(bob, 'identifier.register', { identifier: 'held@localhost' })
  await run(operator, 'identifier.reserve', { identifier: 'kept@localhost', reason: 'for later' })
  return world
}

/** JSON is YAML. */
function baseConfig(suspended: string) {
  return {
    domains: [
      { name: 'localhost' },
      { name: 'free.test', basePriceSat: 0, pricePerCharSat: 0 },
      { name: 'closed.test', open: false },
    ],
    suspended: [suspended],
    // A deadline would add a fact to the log in the middle of a test.
    orders: { commandDeadlineSeconds: 3_600, unpaidHoldsPerAccount: 50, unpaidHoldsPerIp: 1_000 },
    rations: {
      commandsPerKeyPerMinute: 100_000,
      commandsPerIpPerMinute: 100_000,
      decryptionsPerIpPerMinute: 100_000,
      decryptionsPerSecond: 100_000,
    },
    identifiers: { minLength: 2, maxLength: 16, reserved: ['postmaster'] },
    relay: { limits: { connectionsPerIp: 1_000, subscriptionsPerIp: 100_000, handshakesBurst: 100_000 } },
    log: { level: 'warn' },
  }
}
