import { type Event, finalizeEvent, generateSecretKey, getPublicKey, nip44, verifyEvent } from 'nostr-tools'
import { WebSocket } from 'ws'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { createLedger, type Ledger, type Params, WalletError } from './wallet-ledger.ts'

/** A request as the wallet has understood it. */
export type WalletCall = { readonly method: string; readonly params: Params; readonly event: Event }

/** What goes wrong with the next request: it is never done, or its answer is lost. */
export type WalletFault = 'unavailable' | 'drop-after'

/** A wallet service (NIP-47) in front of a node, connected to relays as any client is. */
export type WalletService = {
  /** Of one client connection. */
  readonly uri: string
  readonly clientPubkey: string
  readonly walletPubkey: string
  readonly calls: readonly WalletCall[]
  readonly ledger: Ledger
  fail(kind: string, fault: WalletFault): void
  /** Requests of this method are answered like this: an error, a result, or (`null`) not at all; `undefined`: as usual. */
  answer(method: string, answer: object | null | undefined): void
  answerBy(method: string, answer: (params: Params) => Promise<object> | object): void
  /** Notifications are not sent, or each so many times. */
  notify(times: number): void
  /** Publishes the event that says what the wallet can (kind 13194). */
  publishInfo(info: { methods: readonly string[]; encryption: string | null; createdAt?: number }): void
  /** An event of the wallet to the client; `content` is encrypted. */
  sign(kind: number, content: object, tags: string[][]): Event
  /** The same with the content as it is. */
  signText(kind: number, content: string, tags: string[][]): Event
  encrypt(text: string): string
  send(event: Event): void
  close(): Promise<void>
}

export const allMethods = [
  ...['get_info', 'get_balance', 'make_invoice', 'lookup_invoice', 'list_transactions', 'pay_invoice'],
  ...['make_hold_invoice', 'settle_hold_invoice', 'cancel_hold_invoice'],
]

const kindOf: Record<string, string> = {
  make_invoice: 'create',
  make_hold_invoice: 'create',
  lookup_invoice: 'lookup',
  pay_invoice: 'pay',
  settle_hold_invoice: 'hold',
  cancel_hold_invoice: 'hold',
}

type Options = {
  readonly node: DevWallet
  readonly relays: readonly string[]
  readonly now: () => number
  /** Ends the client's connection that the event came by. */
  readonly cut: (eventId: string) => void
  readonly keepsMetadata?: boolean
  readonly enforcesMaxFee?: boolean
}

export async function startWalletService(options: Options): Promise<WalletService> {
  const { node, relays, now, cut } = options
  const walletKey = generateSecretKey()
  const walletPubkey = getPublicKey(walletKey)
  const clientKey = generateSecretKey()
  const clientPubkey = getPublicKey(clientKey)
  const conversationKey = nip44.getConversationKey(walletKey, clientPubkey)
  const ledger = createLedger(options)
  const calls: WalletCall[] = []
  const faults = new Map<string, WalletFault>()
  const answers = new Map<string, (params: Params) => Promise<object | null> | object | null>()
  const sockets: WebSocket[] = []
  const handled = new Set<string>()
  const stop = new AbortController()
  let times = 1

  const send = (event: Event) => {
    for (const socket of sockets) socket.send(JSON.stringify(['EVENT', event]))
  }
  const signText = (kind: number, content: string, tags: string[][]) =>
    finalizeEvent({ kind, created_at: now(), tags, content }, walletKey)
  const encrypt = (text: string) => nip44.encrypt(text, conversationKey)
  const sign = (kind: number, content: object, tags: string[][]) =>
    signText(kind, encrypt(JSON.stringify(content)), tags)

  const perform = async (method: string, params: Params): Promise<object | null> => {
    const script = answers.get(method)
    if (script !== undefined) {
      const scripted = await script(params)
      return scripted === null ? null : { result_type: method, ...scripted }
    }
    try {
      if (method === 'get_info') return { result_type: method, error: null, result: { methods: allMethods } }
      const result = await ledger.perform(method, params)
      return result === null ? null : { result_type: method, error: null, result }
    } catch (error) {
      const code = error instanceof WalletError ? error.code : 'INTERNAL'
      return { result_type: method, error: { code, message: String(error) }, result: null }
    }
  }

  const handle = async (event: Event) => {
    if (handled.has(event.id) || event.pubkey !== clientPubkey || !verifyEvent(event)) return
    handled.add(event.id)
    const tag = (name: string) => event.tags.find(([found]) => found === name)?.[1]
    if (tag('encryption') !== 'nip44_v2' || tag('p') !== walletPubkey) return
    if (now() > Number(tag('expiration') ?? now())) return
    const { method, params } = JSON.parse(nip44.decrypt(event.content, conversationKey))
    calls.push({ method, params, event })
    const kind = kindOf[method] ?? method
    const fault = faults.get(kind)
    faults.delete(kind)
    if (fault === 'unavailable') return cut(event.id)
    const response = await perform(method, params)
    if (fault === 'drop-after') return cut(event.id)
    if (response === null) return
    const tags = [
      ['p', clientPubkey],
      ['e', event.id],
    ]
    send(sign(23195, response, tags))
  }

  const publishInfo: WalletService['publishInfo'] = ({ methods, encryption, createdAt = now() }) => {
    const tags = [['notifications', 'payment_received hold_invoice_accepted']]
    if (encryption !== null) tags.push(['encryption', encryption])
    send(finalizeEvent({ kind: 13194, created_at: createdAt, tags, content: methods.join(' ') }, walletKey))
  }

  const notifyAll = async () => {
    for await (const { paymentHash, status } of node.incoming(null, stop.signal)) {
      const type = status === 'settled' ? 'payment_received' : 'hold_invoice_accepted'
      const content = { notification_type: type, notification: await ledger.tell(paymentHash) }
      for (let time = 0; time < times; time++) send(sign(23197, content, [['p', clientPubkey]]))
    }
  }

  for (const url of relays) sockets.push(await subscribe(url, walletPubkey, event => void handle(event)))
  publishInfo({ methods: [...allMethods, 'notifications'], encryption: 'nip44_v2 nip04' })
  const notifying = notifyAll()

  const query = new URLSearchParams({ secret: Buffer.from(clientKey).toString('hex') })
  for (const url of relays) query.append('relay', url)
  return {
    uri: `nostr+walletconnect://${walletPubkey}?${query}`,
    clientPubkey,
    walletPubkey,
    calls,
    ledger,
    fail: (kind, fault) => void faults.set(kind, fault),
    answer: (method, answer) => {
      if (answer === undefined) answers.delete(method)
      else answers.set(method, () => answer)
    },
    answerBy: (method, answer) => void answers.set(method, answer),
    notify: count => {
      times = count
    },
    publishInfo,
    sign,
    signText,
    encrypt,
    send,
    close: async () => {
      stop.abort()
      await notifying
      for (const socket of sockets) socket.terminate()
    },
  }
}

/** Connects to a relay and hears requests to the wallet from now on. */
async function subscribe(url: string, walletPubkey: string, onEvent: (event: Event) => void): Promise<WebSocket> {
  const socket = new WebSocket(url)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () =>
      socket.send(JSON.stringify(['REQ', 'requests', { kinds: [23194], '#p': [walletPubkey] }])),
    )
    socket.on('message', data => {
      const [verb, , event] = JSON.parse(String(data))
      if (verb === 'EVENT') onEvent(event)
      if (verb === 'EOSE') resolve()
    })
  })
  socket.on('error', () => undefined)
  return socket
}
