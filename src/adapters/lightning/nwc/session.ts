import { LightningUnavailable } from '../port.ts'
import { onAbort, unlessAborted } from './aborting.ts'
import { type Answer, readResponse } from './answer.ts'
import { hasTag, isGenuine, type Keys, kinds, type ReadEvent, readEvent, signAuth, signRequest } from './envelope.ts'
import type { Backoff, Pace } from './pace.ts'
import { type Budget, type Connect, openRelay, type RelayConnection } from './relay-connection.ts'
import { readNotification, type WalletInfo } from './wallet-info.ts'

/** Connections to all relays of a wallet, opened when they are needed. One that hears notifications closes with the last. */
export type Session = {
  /** Asks the wallet over every relay; the first answer counts. Throws `LightningUnavailable` when there is none. */
  request(method: string, params: object, signal: AbortSignal): Promise<Answer>
  /** Resolves once a relay has taken the subscription. Throws `LightningUnavailable` when none does. */
  connect(signal: AbortSignal): Promise<void>
  isClosed(): boolean
  /** The payment that a notification tells of: a reason to look it up, nothing more. */
  takeNews(): string | undefined
  /** Until there is news, the session is closed, the signal aborts, or so much time has passed. */
  waitForNews(ms: number, signal: AbortSignal): Promise<void>
  close(): void
}

/** What all sessions of a backend have in common. */
export type Wallet = {
  readonly keys: Keys
  readonly relays: readonly { readonly url: string; readonly backoff: Backoff }[]
  readonly info: WalletInfo
  readonly pace: Pace
  readonly connect: Connect
  /** Of each connection to a relay; without one a relay may send for ever. */
  readonly budget?: Budget
  /** Unix seconds. */
  now(): number
}

type Link = Wallet['relays'][number] & { connection: RelayConnection | null; opening: Promise<RelayConnection> | null }
type Waiting = {
  readonly method: string
  resolve(answer: Answer): void
  reject(error: unknown): void
  /** The request cannot be answered over this relay any more. */
  lose(link: Link): void
}

const maxNews = 1_000

/** Connects to nothing yet. */
export function openSession(wallet: Wallet, hearsNotifications: boolean): Session {
  const { keys, info, pace } = wallet
  const closing = new AbortController()
  const waiting = new Map<string, Waiting>()
  const news: string[] = []
  /** Notifications come from every relay. */
  const seen = new Set<string>()
  let wake: () => void = () => undefined

  const addressed = { authors: [keys.walletPubkey], '#p': [keys.clientPubkey] }
  const live = hearsNotifications ? [kinds.response, kinds.notification] : [kinds.response]
  const filters = [
    // What a relay has kept answers nothing that was asked on this connection.
    { kinds: live, ...addressed, limit: 1 },
    { kinds: [kinds.info], authors: [keys.walletPubkey], limit: 1 },
  ]

  const takeNotification = (event: ReadEvent) => {
    const hash = readNotification(keys, event)
    if (hash === null || news.length >= maxNews) return
    news.push(hash)
    wake()
  }

  const takeGenuine = (link: Link, event: ReadEvent) => {
    if (event.kind === kinds.info) return info.take(event)
    link.backoff.succeeded()
    if (event.kind === kinds.notification) {
      if (seen.size >= maxNews) seen.clear()
      seen.add(event.id)
      return takeNotification(event)
    }
    const id = requestIdOf(waiting, event)
    const asked = id === undefined ? undefined : waiting.get(id)
    if (asked === undefined) return
    try {
      asked.resolve(readResponse(keys, event, asked.method))
    } catch (error) {
      asked.reject(error)
    }
  }

  /** Costs nothing for what is not wanted; a false signature ends the connection, so that there is one of them only. */
  const onEvent = (link: Link) => (value: unknown) => {
    const event = readEvent(value)
    if (event === null || event.pubkey !== keys.walletPubkey) return true
    if (event.kind !== kinds.info && !hasTag(event, 'p', keys.clientPubkey)) return true
    const isWanted =
      (event.kind === kinds.info && info.isNews(event)) ||
      (event.kind === kinds.notification && hearsNotifications && !seen.has(event.id)) ||
      (event.kind === kinds.response && requestIdOf(waiting, event) !== undefined)
    if (!isWanted) return true
    if (!isGenuine(event)) return false
    takeGenuine(link, event)
    return true
  }

  const open = async (link: Link): Promise<RelayConnection> => {
    await link.backoff.wait(closing.signal)
    const connection = openRelay({
      url: link.url,
      connect: wallet.connect,
      filters,
      subscribeMs: pace.subscribeMs,
      pingMs: pace.pingMs,
      budget: wallet.budget,
      authenticate: challenge => signAuth(keys, link.url, challenge, wallet.now()),
      onEvent: onEvent(link),
      onRefused: id => waiting.get(id)?.lose(link),
    })
    // It failed unless something comes of it.
    link.backoff.failed()
    const stopListening = onAbort([closing.signal], connection.close)
    void connection.ended.then(() => {
      stopListening()
      const wasConnected = link.connection === connection
      if (wasConnected) link.connection = null
      for (const asked of [...waiting.values()]) asked.lose(link)
      // A new connection would not tell what was notified meanwhile.
      if (hearsNotifications && wasConnected && links.every(one => one.connection === null)) closing.abort()
    })
    await connection.subscribed
    link.connection = connection
    return connection
  }

  const links: Link[] = wallet.relays.map(relay => ({ ...relay, connection: null, opening: null }))
  const reach = (link: Link): Promise<RelayConnection> => {
    if (link.connection !== null) return Promise.resolve(link.connection)
    link.opening ??= open(link).finally(() => {
      link.opening = null
    })
    return link.opening
  }

  const checkOpen = (signal: AbortSignal) => {
    if (closing.signal.aborted) throw new LightningUnavailable('the connection to the wallet is closed')
    if (signal.aborted) throw new LightningUnavailable('the call was given up before it began')
  }

  const request: Session['request'] = async (method, params, signal) => {
    checkOpen(signal)
    const event = signRequest(keys, { method, params }, wallet.now())
    const left = new Set(links)
    let stopListening: () => void = () => undefined
    let deadline: NodeJS.Timeout | undefined
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const lose = (link: Link) => {
          left.delete(link)
          if (left.size === 0) reject(new LightningUnavailable('no relay of the wallet takes the request'))
        }
        const giveUp = () => reject(new LightningUnavailable('the wallet has not answered in time'))
        waiting.set(event.id, { method, resolve, reject, lose })
        stopListening = onAbort([signal, closing.signal], giveUp)
        deadline = setTimeout(giveUp, pace.answerMs)
        for (const link of links) {
          const publish = (connection: RelayConnection) => {
            if (!waiting.has(event.id)) return
            if (info.lacksNip44()) reject(new LightningUnavailable('the wallet offers only NIP-04, which is not safe'))
            else connection.publish(event)
          }
          reach(link).then(publish, () => lose(link))
        }
      })
    } finally {
      waiting.delete(event.id)
      stopListening()
      clearTimeout(deadline)
    }
  }

  return {
    request,
    connect: async signal => {
      checkOpen(signal)
      const failed = () => new LightningUnavailable('no relay of the wallet takes the connection')
      const first = Promise.any(links.map(reach)).catch(() => Promise.reject(failed()))
      await unlessAborted(first, [signal], failed)
    },
    isClosed: () => closing.signal.aborted,
    takeNews: () => news.shift(),
    waitForNews: (ms, signal) =>
      new Promise(resolve => {
        let stopListening: () => void = () => undefined
        const finish = () => {
          clearTimeout(timer)
          stopListening()
          wake = () => undefined
          resolve()
        }
        const timer = setTimeout(finish, ms)
        stopListening = onAbort([signal, closing.signal], finish)
        wake = finish
        if (signal.aborted || closing.signal.aborted || news.length > 0) finish()
      }),
    close: () => closing.abort(),
  }
}

/** The id of the request that the event answers, if one waits for it. */
function requestIdOf(waiting: ReadonlyMap<string, Waiting>, event: ReadEvent): string | undefined {
  return event.tags.find(([name, id]) => name === 'e' && id !== undefined && waiting.has(id))?.[1]
}
