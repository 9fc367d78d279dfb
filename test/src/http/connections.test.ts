import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createConnectionCounter } from '../../../relay/connection/connection-counter.ts'
import { limitConnections, openConnections } from '../../../src/http/connections.ts'

let server: Server
const sockets: Socket[] = []
const refused: string[] = []
afterEach(async () => {
  refused.length = 0
  for (const socket of sockets.splice(0)) socket.destroy()
  await new Promise(resolve => server.close(resolve))
})

async function listen(maxConnections: number, connectionsPerIp: number, proxies: string[] = []): Promise<void> {
  server = createServer((_request, response) => response.end('here'))
  const perAddress = createConnectionCounter({ maxConnections, connectionsPerIp })
  limitConnections(server, {
    maxConnections,
    perAddress,
    isProxy: address => proxies.includes(address),
    refused: bound => refused.push(bound),
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
}

/** Opens a connection from an address of this machine; says whether a request on it is answered. */
async function isServed(localAddress: string): Promise<boolean> {
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  return new Promise(resolve => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
}

describe('connections', () => {
  it('of one address are so many, and one may come when another has gone', async () => {
    await listen(100, 2)
    expect([await isServed('127.0.0.1'), await isServed('127.0.0.1'), await isServed('127.0.0.1')]).toEqual([
      true,
      true,
      false,
    ])
    expect(await isServed('127.0.0.2')).toBe(true)
    expect(refused).toEqual(['address'])
    expect(await openConnections(server)).toBe(3)
    sockets[0]?.destroy()
    while ((await new Promise<number>(resolve => server.getConnections((_error, count) => resolve(count)))) > 2) {
      await new Promise(setImmediate)
    }
    expect(await isServed('127.0.0.1')).toBe(true)
  })

  it('in total are so many, wherever they come from', async () => {
    await listen(2, 100)
    expect([await isServed('127.0.0.1'), await isServed('127.0.0.2'), await isServed('127.0.0.3')]).toEqual([
      true,
      true,
      false,
    ])
    expect(refused).toEqual(['total'])
  })

  it('of a listed proxy count in total only', async () => {
    await listen(3, 1, ['127.0.0.1'])
    const served = []
    for (let index = 0; index < 4; index++) served.push(await isServed('127.0.0.1'))
    expect(served).toEqual([true, true, true, false])
  })
})
