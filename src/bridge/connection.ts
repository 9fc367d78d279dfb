import { authKind } from '../../relay/auth.ts'
import type { NostrEvent } from '../../relay/event.ts'
import type { Signer } from '../protocol/signer.ts'
import type { DialNdk } from './ndk.ts'
import type { Dial } from './socket.ts'

/** What another relay said to an event. */
export type Published =
  | { readonly status: 'accepted' }
  /** `OK false`; `message` is the relay's. */
  | { readonly status: 'refused'; readonly message: string }
  /** No answer: the connection ended, or time ran out. */
  | { readonly status: 'unanswered' }

/** Who hears of the events of a subscription. Nothing about them has been checked. */
export type Listener = { event(value: unknown): void; end(): void; closed(message: string): void }

/** An open connection to another relay. */
export type Connection = {
  publish(event: NostrEvent): Promise<Published>
  subscribe(id: string, filter: object, listener: Listener): void
  unsubscribe(id: string): void
  /** `why` is for the operator to read. */
  close(why: string): void
}

type Publishing = { event: NostrEvent; settle: (published: Published) => void }

/** Events that belong to nothing we asked for, before the connection is closed; other messages cost next to nothing. */
const maxStray = 200
const maxAuthentications = 5
const maxChallengeLength = 1_024
const maxMessageLength = 300

/**
 * Connects to another relay through NDK. Every message is handled here (NDK's protocol handlers), because NDK's own way of
 * signing in leaves a rejection that nobody catches when the relay refuses it, and that ends the process.
 * `up` is called once the connection stands, `down` once it has ended or failed.
 */
export function openConnection(options: {
  dialNdk: DialNdk
  dial: Omit<Dial, 'fault'>
  signer: Pick<Signer, 'sign'>
  now(): number
  okTimeoutMs: number
  up(connection: Connection): void
  down(reason: string): void
}): { close(why: string): void } {
  const { dialNdk, dial, signer, now, okTimeoutMs, up, down } = options
  let reason: string | null = null
  /** Often the cause of what goes wrong later. */
  let authRefusal: string | null = null
  let isOver = false
  let stray = 0
  let authentications = 0
  const publishing = new Map<string, Publishing>()
  /** Refused until we have signed in. */
  const awaitingAuth = new Set<string>()
  const subscriptions = new Map<string, { filter: object; listener: Listener; needsAuth: boolean }>()

  const fault = (why: string) => {
    reason ??= why.slice(0, maxMessageLength)
  }
  const relay = dialNdk({ ...dial, fault })
  const { connectivity } = relay
  const send = (...message: unknown[]) => void connectivity.send(JSON.stringify(message)).catch(() => undefined)

  const finish = () => {
    if (isOver) return
    isOver = true
    // NDK would connect again of its own accord, and may decide so after it has told us.
    connectivity.resetReconnectionState()
    queueMicrotask(() => connectivity.resetReconnectionState())
    connectivity.disconnect()
    for (const { settle } of [...publishing.values()]) settle({ status: 'unanswered' })
    subscriptions.clear()
    const why = reason ?? 'the connection ended'
    down(authRefusal === null ? why : `${why} (it refused our signing in: ${authRefusal})`)
  }
  const close = (why: string) => {
    fault(why)
    finish()
  }
  const strayed = () => {
    if (++stray > maxStray) close('it sends what it was not asked for')
  }

  const onOk = ([, id, accepted, text]: unknown[]) => {
    const waiting = typeof id === 'string' ? publishing.get(id) : undefined
    if (waiting === undefined) return
    if (accepted === true) return waiting.settle({ status: 'accepted' })
    const message = typeof text === 'string' ? text.slice(0, maxMessageLength) : ''
    if (message.startsWith('auth-required:') && authentications < maxAuthentications) awaitingAuth.add(waiting.event.id)
    else waiting.settle({ status: 'refused', message })
  }

  const onAuth = ([, challenge]: unknown[]) => {
    if (typeof challenge !== 'string' || challenge.length > maxChallengeLength) return strayed()
    if (++authentications > maxAuthentications) return strayed()
    const tags = [
      ['relay', dial.url],
      ['challenge', challenge],
    ]
    const event = signer.sign({ kind: authKind, created_at: now(), tags, content: '' })
    void exchange('AUTH', event).then(published => {
      if (published.status === 'refused') authRefusal = published.message
      if (published.status !== 'accepted' || isOver) return
      for (const id of awaitingAuth) if (publishing.has(id)) send('EVENT', publishing.get(id)?.event)
      awaitingAuth.clear()
      for (const [id, subscription] of subscriptions) {
        if (!subscription.needsAuth) continue
        subscription.needsAuth = false
        send('REQ', id, subscription.filter)
      }
    })
  }

  const onClosed = ([, id, text]: unknown[]) => {
    const subscription = subscriptions.get(String(id))
    if (subscription === undefined) return
    const message = typeof text === 'string' ? text.slice(0, maxMessageLength) : ''
    if (message.startsWith('auth-required:') && !subscription.needsAuth && authentications <= maxAuthentications) {
      subscription.needsAuth = true
      return
    }
    subscriptions.delete(String(id))
    subscription.listener.closed(message)
  }

  /** Sends an event and waits for its OK. */
  const exchange = (verb: 'EVENT' | 'AUTH', event: NostrEvent): Promise<Published> =>
    new Promise(resolve => {
      const timer = setTimeout(() => settle({ status: 'unanswered' }), okTimeoutMs)
      timer.unref()
      const settle = (published: Published) => {
        clearTimeout(timer)
        publishing.delete(event.id)
        awaitingAuth.delete(event.id)
        resolve(published)
      }
      publishing.set(event.id, { event, settle })
      send(verb, event)
    })

  const handlers: Record<string, (message: unknown[]) => void> = {
    OK: onOk,
    AUTH: onAuth,
    CLOSED: onClosed,
    EVENT: ([, id, value]) => {
      const subscription = subscriptions.get(String(id))
      if (subscription === undefined) strayed()
      else subscription.listener.event(value)
    },
    EOSE: ([, id]) => subscriptions.get(String(id))?.listener.end(),
    NOTICE: () => undefined,
    COUNT: () => undefined,
  }
  for (const [verb, handle] of Object.entries(handlers)) {
    relay.registerProtocolHandler(verb, (_relay, message) => {
      if (!isOver) handle(message)
    })
  }
  relay.on('disconnect', finish)
  relay.on('connect', () => {
    if (isOver) return
    up({
      publish: event => (isOver ? Promise.resolve({ status: 'unanswered' as const }) : exchange('EVENT', event)),
      subscribe: (id, filter, listener) => {
        subscriptions.set(id, { filter, listener, needsAuth: false })
        send('REQ', id, filter)
      },
      unsubscribe: id => {
        if (subscriptions.delete(id)) send('CLOSE', id)
      },
      close,
    })
  })
  return { close }
}
