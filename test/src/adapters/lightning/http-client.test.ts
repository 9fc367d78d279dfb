import { afterEach, beforeEach, expect, it } from 'vitest'
import { ask, askForLines } from '../../../../src/adapters/lightning/http-client.ts'
import { LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import { never } from './invoice-request.ts'
import { type LocalServer, startLocalServer } from './local-server.ts'

/** What is written instead of an answer; afterwards the connection stays open, or not. */
let said: string
let hangsUp: boolean
let server: LocalServer
beforeEach(async () => {
  hangsUp = false
  server = await startLocalServer({
    kindOf: () => 'any',
    handle: () => ({
      stream: ({ socket }) => {
        socket?.write(said)
        if (hangsUp) socket?.end()
      },
    }),
  })
})
afterEach(() => server.close())

const target = () => ({ url: new URL(`http://127.0.0.1:${server.port}`), headers: {} })
const request = { method: 'GET', path: '/' } as const

it.each([
  ['changes the protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', false],
  ['speaks no HTTP', 'hello\r\n\r\n', false],
  ['goes on and hangs up', 'HTTP/1.1 100 Continue\r\n\r\n', true],
  ['hangs up at once', '', true],
])('a backend that %s is unavailable, and is not waited for', async (_case, text, ends) => {
  said = text
  hangsUp = ends
  await expect(ask(target(), request, never)).rejects.toThrow(LightningUnavailable)
  await expect(askForLines(target(), request, never).next()).rejects.toThrow(LightningUnavailable)
})
