import { WebSocket } from 'ws'
import { z } from 'zod'
import { authKind } from '../relay/auth.ts'
import { type NostrEvent, tagValue } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { callControl, controlSocketPath } from '../src/cli/control-socket.ts'
import { kinds } from '../src/protocol/kinds.ts'
import { conversationKey, decrypt } from '../src/protocol/nip44.ts'
import { type Customer, createCustomers, registration, signAs } from './customers.ts'
import { type Latency, latencyOf } from './latency.ts'
import type { Server } from './server.ts'

const timeoutMs = 10_000
/** Names of this part begin far behind all others. */
const firstName = 2 ** 30

const payable = z.object({ invoice: z.object({ bolt11: z.string() }) })

/** Buys names by invoice, one after another, and takes the time from paying with the development wallet to the notice. */
export async function measureSettlement(options: {
  secp: Secp256k1
  server: Server
  data: string
  count: number
}): Promise<Latency> {
  const { secp, server, data, count } = options
  const [customer] = createCustomers(secp, 1)
  if (customer === undefined) throw new Error('there are no customers')
  const shared = secp.sharedX(customer.secretKey, Buffer.from(server.publicKey, 'hex'))
  if (shared === null) throw new Error("the service's key is no key")
  const key = conversationKey(shared)
  const client = await connectCustomer(secp, server, customer)
  const durationsMs: number[] = []
  try {
    for (let index = 0; index < count; index++) {
      const now = Math.floor(Date.now() / 1_000)
      const order = { index: firstName + index, service: server.publicKey, now, pay: 'invoice' } as const
      const command = registration(secp, [customer], order)
      const answered = client.next(event => event.kind === kinds.result && tagValue(event, 'e') === command.id)
      client.send(['EVENT', command])
      const opened = decrypt((await answered).content, key)
      if (!opened.ok) throw new Error(`the result cannot be read: ${opened.reason}`)
      const { invoice } = payable.parse(JSON.parse(opened.plaintext))
      const fulfilled = client.next(
        event => tagValue(event, 'type') === 'order.fulfilled' && tagValue(event, 'e') === command.id,
      )
      const paidAtMs = performance.now()
      await callControl(controlSocketPath(data), 'dev.pay', { invoice: invoice.bolt11 })
      await fulfilled
      durationsMs.push(performance.now() - paidAtMs)
    }
  } finally {
    client.close()
  }
  return latencyOf(durationsMs)
}

type Client = {
  send(message: readonly unknown[]): void
  /** The next event of this sort. */
  next(is: (event: NostrEvent) => boolean): Promise<NostrEvent>
  close(): void
}

/** A customer's websocket, authenticated (NIP-42) and subscribed to what the service has to say to it. */
async function connectCustomer(secp: Secp256k1, server: Server, customer: Customer): Promise<Client> {
  const url = `ws://localhost:${server.port}`
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
  const heard = new Set<(message: unknown[]) => void>()
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as unknown[]
    for (const hear of heard) hear(message)
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))

  const send = (message: readonly unknown[]) => socket.send(JSON.stringify(message))
  const wait = <T>(take: (message: unknown[]) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server does not answer')), timeoutMs)
      const hear = (message: unknown[]) => {
        const taken = take(message)
        if (taken === undefined) return
        clearTimeout(timer)
        heard.delete(hear)
        resolve(taken)
      }
      heard.add(hear)
    })

  const subscribe = ['REQ', 'own', { kinds: [kinds.result, kinds.notice], '#p': [customer.publicKey], limit: 0 }]
  const challenged = wait(([verb, challenge]) => (verb === 'AUTH' ? String(challenge) : undefined))
  send(subscribe)
  const tags = [
    ['relay', url],
    ['challenge', await challenged],
  ]
  const now = Math.floor(Date.now() / 1_000)
  const authenticated = wait(([verb]) => (verb === 'OK' ? true : undefined))
  send(['AUTH', signAs(secp, customer, { kind: authKind, created_at: now, tags, content: '' })])
  await authenticated
  const subscribed = wait(([verb]) => (verb === 'EOSE' ? true : undefined))
  send(subscribe)
  await subscribed

  return {
    send,
    next: is =>
      wait(([verb, , event]) => (verb === 'EVENT' && is(event as NostrEvent) ? (event as NostrEvent) : undefined)),
    close: () => socket.terminate(),
  }
}
