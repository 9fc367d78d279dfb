import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { openWakeUp } from '../../../../../src/adapters/lightning/lnbits/wake-up.ts'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never } from '../invoice-request.ts'

const key = '1a'.repeat(16)
const longMs = 60_000
/** Longer than from one ping to the next. */
const pingMs = 16_000

describe('the news of LNbits', () => {
  let server: WebSocketServer
  const paths: string[] = []
  const start = async (options: { autoPong: boolean }) => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
    server.on('connection', (_socket, { url = '' }) => paths.push(url))
    await new Promise(resolve => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/below/`
  }
  beforeEach(() => void paths.splice(0))
  afterEach(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })

  it('come once for what happened since the last time', async () => {
    const wakeUp = await openWakeUp(await start({ autoPong: true }), key, never)
    expect(paths).toEqual([`/below/api/v1/ws/${key}`])
    for (const client of server.clients) client.send('{}')
    await wakeUp.next(longMs)
    await wakeUp.next(1)
    wakeUp.close()
  })

  it('do not keep a call that is given up', async () => {
    const stop = new AbortController()
    const wakeUp = await openWakeUp(await start({ autoPong: true }), key, stop.signal)
    const waiting = wakeUp.next(longMs)
    stop.abort()
    expect(await waiting).toBeUndefined()
    wakeUp.close()
  })

  describe('end', () => {
    // Only what pings: time goes on for the rest.
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
    afterEach(() => void vi.useRealTimers())

    it('when nobody answers on the other side, although the connection stands', async () => {
      const wakeUp = await openWakeUp(await start({ autoPong: false }), key, never)
      vi.advanceTimersByTime(2 * pingMs)
      await expect(wakeUp.next(longMs)).rejects.toThrow(LightningUnavailable)
      wakeUp.close()
    })

    it('not as long as somebody does', async () => {
      const wakeUp = await openWakeUp(await start({ autoPong: true }), key, never)
      const [client] = server.clients
      // Sent behind the answer to a ping, so that news mean that it came.
      client?.on('ping', () => client.send('{}'))
      for (let round = 0; round < 5; round++) {
        vi.advanceTimersByTime(pingMs)
        expect(await wakeUp.next(longMs)).toBeUndefined()
      }
      wakeUp.close()
    })
  })

  it('are none without a server, and do not name the key', async () => {
    await start({ autoPong: true })
    const wakeUp = await openWakeUp('http://127.0.0.1:1', key, never)
    const error: unknown = await wakeUp.next(longMs).catch(error => error)
    expect(error).toBeInstanceOf(LightningUnavailable)
    expect((error as Error).stack).not.toContain(key)
    wakeUp.close()
  })
})
