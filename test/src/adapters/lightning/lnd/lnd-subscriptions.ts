import type { ServerResponse } from 'node:http'
import type { Reply } from '../local-server.ts'
import type { InvoiceBook, InvoiceMessage } from './lnd-invoices.ts'
import { writeMessage } from './lnd-replies.ts'

type Listener = {
  readonly response: ServerResponse
  /** `null`: all invoices. */
  readonly paymentHash: string | null
  settleIndex: number
  /** Messages go out in order, although each takes time to make. */
  turn: Promise<unknown>
}

/** Who listens to invoices, and what goes wrong with that. */
export type Subscriptions = {
  /** SubscribeInvoices: added and settled ones, first those settled after an index above zero. */
  toAll(settleIndex: number): Reply
  /** SubscribeSingleInvoice: its state now, if there is one, and each that follows. */
  toOne(paymentHash: string): Reply
  /** How many listen to all invoices. */
  count(): number
  /** Each settlement is told so many times from now on. */
  tell(times: number): void
  /** Forgets who listens, but leaves their connections open: as a network that drops everything in between. */
  forget(): void
  /** Loses the connections of those who listen to all invoices: now, or instead of the next settlement. */
  breakOff(when: 'now' | 'at next settlement'): void
}

/** As LND's registry does it (invoices/invoiceregistry.go). */
export function createSubscriptions(book: InvoiceBook): Subscriptions {
  const listeners = new Set<Listener>()
  let breaksAtNext = false
  let times = 1

  const open = (paymentHash: string | null, settleIndex: number): Reply => ({
    stream: response => {
      const listener: Listener = { response, paymentHash, settleIndex, turn: Promise.resolve() }
      response.on('close', () => listeners.delete(listener))
      if (paymentHash !== null && book.has(paymentHash)) tellState(listener, paymentHash)
      for (const hash of settleIndex > 0 ? book.settled().slice(settleIndex) : []) tellSettled(listener, hash)
      listeners.add(listener)
    },
  })
  const send = (listener: Listener, make: () => Promise<InvoiceMessage | null> | InvoiceMessage) => {
    listener.turn = listener.turn.then(async () => {
      const message = await make()
      if (message === null || listener.response.destroyed) return
      writeMessage(listener.response, message)
      const isFinal = message.state === 'SETTLED' || message.state === 'CANCELED'
      if (listener.paymentHash !== null && isFinal) listener.response.end()
    })
  }
  const tellState = (listener: Listener, paymentHash: string) => send(listener, () => book.message(paymentHash))
  const tellSettled = (listener: Listener, paymentHash: string) => {
    const settleIndex = book.settled().indexOf(paymentHash) + 1
    if (listener.settleIndex >= settleIndex) return
    listener.settleIndex = settleIndex
    for (let time = 0; time < times; time++) tellState(listener, paymentHash)
  }
  const destroyAll = () => {
    for (const { response, paymentHash } of listeners) if (paymentHash === null) response.destroy()
  }

  book.onEvent(({ kind, paymentHash }) => {
    if (kind === 'settled' && breaksAtNext) {
      breaksAtNext = false
      destroyAll()
    }
    for (const listener of listeners) {
      if (listener.response.destroyed) continue
      if (listener.paymentHash === paymentHash) tellState(listener, paymentHash)
      if (listener.paymentHash !== null) continue
      if (kind === 'added') send(listener, () => book.openMessage(paymentHash))
      if (kind === 'settled') tellSettled(listener, paymentHash)
    }
  })

  return {
    toAll: settleIndex => open(null, settleIndex),
    toOne: paymentHash => open(paymentHash, 0),
    count: () => [...listeners].filter(({ paymentHash }) => paymentHash === null).length,
    tell: count => {
      times = count
    },
    forget: () => listeners.clear(),
    breakOff: when => {
      if (when === 'now') destroyAll()
      else breaksAtNext = true
    },
  }
}
