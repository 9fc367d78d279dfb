import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { createPhoenixdBackend } from '../../../../../src/adapters/lightning/phoenixd/backend.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'
import type { BackendServer } from '../open-remote.ts'
import { createPhoenixdNode, type PhoenixdNode } from './phoenixd-node.ts'

export const passwords = { full: 'password-for-everything', limited: 'password-for-receiving' }

export type PhoenixdServer = BackendServer & {
  readonly url: string
  readonly local: LocalServer
  /** The next call of this path is answered so instead. */
  answerNext(path: string, reply: Reply): void
  /** Says something on every websocket. */
  say(text: string): void
  /** Tells nobody of payments any more. */
  beSilent(): void
  /** Answers no ping any more. */
  playDead(): void
  /** How many websockets are open. */
  listeners(): number
}

const unauthorized = 'Invalid authentication (use basic auth with the http password set in phoenix.conf)'

/** phoenixd's HTTP server (Api.kt) in front of a node. */
export async function startPhoenixdServer(
  wallet: DevWallet,
  now: () => number,
  { password = passwords.full, pingSeconds }: { password?: string; pingSeconds?: number } = {},
): Promise<PhoenixdServer> {
  let isSilent = false
  let isDead = false
  const sockets = new WebSocketServer({ noServer: true, autoPong: false })
  const say = (text: string) => {
    for (const socket of sockets.clients) socket.send(text)
  }
  const node = createPhoenixdNode(wallet, now, event => {
    if (!isSilent) say(JSON.stringify(event))
  })
  const scripted = new Map<string, Reply>()
  const local = await startLocalServer({
    kindOf,
    handle: async call => {
      const rights = rightsOf(call.headers.authorization)
      if (rights === null) return { status: 401, text: unauthorized }
      const reply = scripted.get(call.path)
      scripted.delete(call.path)
      return reply ?? route(node, call, rights)
    },
  })
  local.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url !== '/websocket' || rightsOf(request.headers.authorization) === null) {
      return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    }
    sockets.handleUpgrade(request, socket, head, opened => {
      opened.on('ping', () => {
        if (!isDead) opened.pong()
      })
    })
  })
  const url = `http://127.0.0.1:${local.port}`
  return {
    url,
    local,
    answerNext: (path, reply) => void scripted.set(path, reply),
    say,
    beSilent: () => {
      isSilent = true
    },
    playDead: () => {
      isDead = true
    },
    listeners: () => sockets.clients.size,
    connect: async () => createPhoenixdBackend({ url, password, now, ...(pingSeconds && { pingSeconds }) }),
    fail: (call, mode) => local.fail(call, mode),
    close: async () => {
      await node.close()
      await local.close()
    },
  }
}

/** What `fail` calls the endpoints. */
function kindOf({ path, query }: Call): string {
  if (path === '/createinvoice') return 'create'
  if (path === '/payinvoice') return 'pay'
  if (path === '/payments/incoming' && query.get('externalId') === null) return 'stream'
  return path.startsWith('/payments/incoming/') || path.startsWith('/payments/outgoing') ? 'lookup' : 'check'
}

function rightsOf(authorization: string | undefined): 'full' | 'limited' | null {
  const given = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64').toString()
  const password = given.slice(given.indexOf(':') + 1)
  if (password === passwords.full) return 'full'
  return password === passwords.limited ? 'limited' : null
}

async function route(node: PhoenixdNode, call: Call, rights: 'full' | 'limited'): Promise<Reply> {
  const form = new URLSearchParams(call.body)
  const [, first, second, third] = call.path.split('/')
  switch (`${call.method} /${first}${second === undefined ? '' : `/${second}`}`) {
    case 'GET /getinfo':
      return node.info()
    case 'GET /getbalance':
      return node.balance()
    case 'POST /createinvoice':
      return node.createInvoice(form)
    case 'POST /decodeinvoice':
      return node.decodeInvoice(form)
    case 'POST /payinvoice':
      return rights === 'full' ? node.payInvoice(form) : { status: 401, text: unauthorized }
    case 'GET /payments/incoming':
      return third === undefined ? node.incoming(call.query) : node.incomingByHash(third)
    case 'GET /payments/outgoingbyhash':
      return node.outgoingByHash(third ?? '')
    default:
      return { status: 404, text: 'Unknown endpoint (check api doc)' }
  }
}
