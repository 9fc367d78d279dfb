import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
const sockets: WebSocket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await service.close()
})

/** Opens a websocket as from this address; gives the HTTP status. */
function handshake(forwardedFor: string): Promise<number> {
  const { port } = service.panda.address
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': forwardedFor } })
  sockets.push(socket)
  return new Promise((resolve, reject) => {
    socket.on('error', () => undefined)
    socket.once('open', () => resolve(101))
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.once('close', () => reject(new Error('closed')))
  })
}

const twoPerAddress = { relay: { limits: { connectionsPerIp: 2 } } }

describe('a service without listed proxies', () => {
  it('counts websockets by peer, whatever their headers say', async () => {
    service = await runService(twoPerAddress)
    const statuses = []
    for (const ip of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) statuses.push(await handshake(ip))
    expect(statuses).toEqual([101, 101, 429])
  })
})

describe('a service behind a listed proxy', () => {
  it('counts websockets by the address that the proxy reports, not by what clients write before it', async () => {
    service = await runService({ ...twoPerAddress, trustedProxies: ['127.0.0.1'] })
    expect([await handshake('198.51.100.1'), await handshake('198.51.100.2')]).toEqual([101, 101])
    expect([await handshake('1.1.1.1, 198.51.100.1'), await handshake('2.2.2.2, 198.51.100.1')]).toEqual([101, 429])
  })

  it('shows its metrics to those beside the proxy and to nobody who comes through it', async () => {
    service = await runService({
      trustedProxies: ['127.0.0.1'],
      publicUrls: { http: 'https://panda.example', websocket: 'wss://panda.example' },
    })
    const status = async (headers: Record<string, string>) => (await service.get('/metrics', headers)).status
    expect(await status({})).toBe(200)
    expect(await status({ host: 'panda.example' })).toBe(404)
    expect(await status({ host: 'panda.example', 'x-forwarded-for': '203.0.113.9' })).toBe(404)
    expect(await status({ host: 'panda.example', 'x-forwarded-for': '127.0.0.1, 203.0.113.9' })).toBe(404)
    expect(await status({ host: 'panda.example', 'x-forwarded-for': 'unknown' })).toBe(404)
    const statuses = (await service.get('/metrics')).body
    expect(statuses).toContain('panda_http_requests_total{route="other",status="404"} 4')
  })

  it('shows them to a client that is listed too', async () => {
    service = await runService({ trustedProxies: ['127.0.0.1'], metrics: { allow: ['127.0.0.1', '192.0.2.0/24'] } })
    expect((await service.get('/metrics', { 'x-forwarded-for': '192.0.2.7' })).status).toBe(200)
    expect((await service.get('/metrics', { 'x-forwarded-for': '192.0.3.7' })).status).toBe(404)
  })

  it('shows them to nobody when nobody is listed', async () => {
    service = await runService({ metrics: { allow: [] } })
    expect((await service.get('/metrics')).status).toBe(404)
  })
})
