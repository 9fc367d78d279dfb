import { createClnBackend } from '../../../../../src/adapters/lightning/cln/backend.ts'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'
import type { BackendServer } from '../open-remote.ts'
import { createClnNode } from './cln-node.ts'

export const runes = {
  all: 'rune-for-everything==',
  /** As made by `createrune` with `method=invoice|method^list|method=getinfo|method=waitanyinvoice`. */
  noPaying: 'rune-for-receiving==',
  blacklisted: 'rune-of-yesterday==',
}

export type ClnServer = BackendServer & {
  readonly url: string
  readonly local: LocalServer
  /** The next call of this method is answered so instead. */
  answerNext(method: string, reply: Reply): void
}

/** What `fail` calls the methods. */
const kinds: Readonly<Record<string, string>> = {
  invoice: 'create',
  listinvoices: 'lookup',
  listpays: 'lookup',
  waitanyinvoice: 'stream',
  xpay: 'pay',
}
const methodOf = (call: Call) => call.path.replace('/v1/', '')

/** CLNRest (plugins/rest-plugin) in front of a node. */
export async function startClnServer(
  wallet: DevWallet,
  now: () => number,
  options: { rune?: string; waitSeconds?: number; certificate?: string; tls?: { key: string; cert: string } } = {},
): Promise<ClnServer> {
  const { rune = runes.all, tls, ...rest } = options
  const node = createClnNode(wallet, now)
  const scripted = new Map<string, Reply>()
  const local = await startLocalServer({
    kindOf: call => kinds[methodOf(call)] ?? 'check',
    handle: async call => {
      const method = methodOf(call)
      const reply = scripted.get(method)
      scripted.delete(method)
      if (reply !== undefined) return reply
      if (call.method !== 'POST' || method.includes('/')) return refuse(404, -32601, 'Path not registered')
      const refusal = refuseRune(call.headers.rune, method)
      if (refusal !== null) return refusal
      const answer = await node.call(method, JSON.parse(call.body))
      if ('result' in answer) return { status: 201, json: answer.result }
      return { status: answer.error.code === -32601 ? 404 : 500, json: answer.error }
    },
    ...(tls === undefined ? {} : { tls }),
  })
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${local.port}`
  return {
    url,
    local,
    answerNext: (method, reply) => void scripted.set(method, reply),
    connect: async () => createClnBackend({ url, rune, now, ...rest }),
    fail: (call, mode) => local.fail(call, mode),
    close: async () => {
      await node.close()
      await local.close()
    },
  }
}

function refuse(status: number, code: number, message: string): Reply {
  return { status, json: { code, message } }
}

/** As CLNRest checks a rune before it calls the method (plugins/rest-plugin, verify_rune). */
function refuseRune(rune: string | string[] | undefined, method: string): Reply | null {
  if (rune === undefined) return refuse(403, 1501, 'Not authorized: Missing rune')
  if (rune === runes.blacklisted) return refuse(401, 1503, 'Not authorized: Blacklisted rune')
  if (rune === runes.noPaying && method === 'xpay') {
    return refuse(401, 1502, 'Not permitted: method is not equal to invoice')
  }
  if (rune !== runes.all && rune !== runes.noPaying)
    return refuse(401, 1501, `Not authorized: Not derived from master: ${rune}`)
  return null
}
