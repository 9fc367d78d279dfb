import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createCustomerWallets } from '../../src/customer-wallets.ts'
import { never } from './adapters/lightning/invoice-request.ts'
import { keyOf } from './service.ts'

const now = () => 1_790_000_000

let relay: WebSocketServer
/** What the relay does once it has taken the subscription. */
let afterwards: (socket: WebSocket) => void
let closed: Promise<void>
beforeEach(async () => {
  relay = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise(resolve => relay.once('listening', resolve))
  closed = new Promise(resolve =>
    relay.once('connection', socket => {
      socket.on('error', () => undefined)
      socket.once('close', () => resolve())
      socket.once('message', data => {
        const [, id] = JSON.parse(String(data))
        socket.send(JSON.stringify(['EOSE', id]))
        afterwards(socket)
      })
    }),
  )
})
afterEach(async () => {
  for (const socket of relay.clients) socket.terminate()
  await new Promise(resolve => relay.close(resolve))
})

const open = () => {
  const { port } = relay.address() as AddressInfo
  const query = new URLSearchParams({ secret: 'ab'.repeat(32), relay: `ws://127.0.0.1:${port}` })
  const uri = `nostr+walletconnect://${keyOf(5).publicKey}?${query}`
  const wallet = createCustomerWallets({ mayBePrivate: true, now })(uri)
  if (wallet === null) throw new Error('this is a connection')
  return wallet
}
const notice = (length: number) => JSON.stringify(['NOTICE', 'a'.repeat(length)])
const times = (count: number, act: () => void) => {
  for (let time = 0; time < count; time++) act()
}

describe("a stranger's relay", () => {
  it.each<[string, (socket: WebSocket) => void]>([
    ['many small messages', socket => times(200, () => socket.send(notice(1)))],
    ['many bytes', socket => times(10, () => socket.send(notice(30_000)))],
    ['one message without end', socket => socket.send(notice(40_000))],
    ['many pings', socket => times(201, () => socket.ping())],
  ])('is left when it sends %s', async (_case, flood) => {
    afterwards = flood
    const wallet = open()
    await wallet.connect(never).catch(() => undefined)
    await closed
    wallet.close()
  })

  it('is heard while it sends what wallets send', async () => {
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    const answered = new Promise<void>(resolve => {
      afterwards = socket => {
        times(100, () => socket.send(notice(1_000)))
        socket.ping()
        socket.once('pong', () => resolve())
      }
    })
    const wallet = open()
    await wallet.connect(never)
    await answered
    expect(isClosed).toBe(false)
    wallet.close()
  })
})
