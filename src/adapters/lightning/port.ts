/** What a backend knows of an incoming invoice. Amounts are millisatoshi, times Unix seconds. */
export type InvoiceState =
  | { readonly status: 'open' }
  /** A payment has arrived and waits for `settleHold` or `cancelHold`. */
  | ({ readonly status: 'accepted' } & Arrival)
  | ({ readonly status: 'settled' } & Arrival & {
        /** 32 bytes, hex. */
        readonly preimage: string
      })
  | { readonly status: 'cancelled' }
  | { readonly status: 'expired' }
  /** The backend has never heard of this payment hash. */
  | { readonly status: 'unknown' }

type Arrival = {
  /** What actually arrived, which is what counts; it may differ from what was asked. */
  readonly receivedMsat: number
  readonly at: number
}

/** What is asked of a backend when an invoice is made. */
export type InvoiceRequest = {
  /** Same key, same request: the same invoice comes back, however often it is asked (a retry after a crash). */
  readonly idempotencyKey: string
  /** 32 bytes that only we know, hex. Backends that take one make the invoice of it, and know a repeated request by it. */
  readonly preimage: string
  /** A multiple of the backend's `resolutionMsat`. */
  readonly amountMsat: number
  readonly description: string
  /** SHA-256 of what the invoice is for, hex, written instead of the description (BOLT 11, field h). */
  readonly descriptionHash?: string
  /** Seconds from now until the invoice expires. */
  readonly expirySeconds: number
  /** Its payment waits for `settleHold` or `cancelHold`. */
  readonly hold?: boolean
}

/** An invoice as a backend made it. */
export type CreatedInvoice = {
  readonly bolt11: string
  /** 32 bytes, hex. */
  readonly paymentHash: string
  /** Unix seconds, from the signed invoice. */
  readonly expiresAt: number
}

/** A payment that arrived. Settlements come in the order in which the backend reports them. */
export type IncomingPayment = Arrival & {
  readonly paymentHash: string
  readonly status: 'accepted' | 'settled'
  /**
   * Where a later `incoming(cursor)` continues, so that no settlement is missed; opaque to the caller. `null` where the
   * backend has no such place: what it then misses, look-ups find.
   */
  readonly cursor: string | null
}

/** What is asked of a backend when it shall pay. */
export type PaymentRequest = {
  /** Same key, same payment: it is made once, however often it is asked. */
  readonly idempotencyKey: string
  readonly bolt11: string
  readonly maxFeeMsat: number
}

/** What came of paying. */
export type PaymentOutcome =
  | { readonly status: 'paid'; readonly preimage: string; readonly feeMsat: number }
  /** It did not happen and will not. `reason` is a short text for people, without secrets. */
  | { readonly status: 'failed'; readonly reason: string }
  /** It may have happened, or may yet: only `lookUpPayment` can tell. Never a reason to pay again. */
  | { readonly status: 'unknown' }

/** What a backend can do. */
export type Capabilities = {
  readonly hold: boolean
  readonly descriptionHash: boolean
  readonly pay: boolean
  /** A payment costs no more than `maxFeeMsat`; otherwise that is only what its caller hopes for. */
  readonly limitsFees: boolean
  /** That it has never heard of a payment says that it does not make it. */
  readonly knowsItsPayments: boolean
  /** Amounts of invoices are multiples of this. */
  readonly resolutionMsat: 1 | 1_000
  /** How long the description of an invoice may be, in UTF-16 code units; and it has to fit into an invoice (BOLT 11). */
  readonly maxDescriptionLength: number
}

/** The backend could not be reached or gave no usable answer. What was asked may or may not have happened. */
export class LightningUnavailable extends Error {
  override readonly name = 'LightningUnavailable'
}

/**
 * The backend answers that it does not make this invoice: its amount is more than it takes, say. It will not by being asked
 * again, and is not out of reach. The message is a short reason without secrets.
 */
export class InvoiceRefused extends Error {
  override readonly name = 'InvoiceRefused'
}

/** The backend has no payments that wait, and never had. */
export class CannotHold extends Error {
  override readonly name = 'CannotHold'
  constructor(backend: string) {
    super(`${backend} cannot hold payments`)
  }
}

/** A Lightning wallet or node that makes invoices, tells when they are paid, and pays. */
export interface LightningBackend {
  /** Short name for logs and the start message, without secrets or addresses. */
  readonly name: string
  /** What it can do now, with the rights it was given. Throws `LightningUnavailable`. */
  capabilities(signal: AbortSignal): Promise<Capabilities>
  /** Makes an invoice. Throws `LightningUnavailable`; asking again with the same key is safe. Throws `InvoiceRefused`. */
  createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<CreatedInvoice>
  /** The state of one invoice. Throws `LightningUnavailable`. */
  lookUpInvoice(paymentHash: string, signal: AbortSignal): Promise<InvoiceState>
  /**
   * Takes the payment that was accepted for the invoice of this preimage. `lost`: it can be taken no more, since it went
   * back to the payer. Throws `LightningUnavailable` and `CannotHold`; asking again is safe.
   */
  settleHold(preimage: string, signal: AbortSignal): Promise<'settled' | 'lost'>
  /**
   * Gives an accepted payment back and ends the invoice; `settled`: too late. Throws `LightningUnavailable` and `CannotHold`;
   * asking again is safe.
   */
  cancelHold(paymentHash: string, signal: AbortSignal): Promise<'cancelled' | 'settled'>
  /**
   * Settlements after `cursor` (`null`: from the first), then new ones as they happen, and payments that wait to be taken,
   * until the signal aborts. Throws `LightningUnavailable` when the connection is lost; the caller starts again from its
   * cursor. Payments may come more than once.
   */
  incoming(cursor: string | null, signal: AbortSignal): AsyncIterable<IncomingPayment>
  /** Pays an invoice of somebody else's, at most at this fee. Does not throw for what the outside world does. */
  pay(request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome>
  /**
   * What became of a payment asked for before. `null`: the backend has never heard of it, which soon after `pay` does not
   * mean that it failed. One that was asked for and not begun may be begun by it. Throws `LightningUnavailable`.
   */
  lookUpPayment(
    payment: { idempotencyKey: string; paymentHash: string },
    signal: AbortSignal,
  ): Promise<PaymentOutcome | null>
  /** What the wallet can spend, in millisatoshi. Throws `LightningUnavailable`. */
  balanceMsat(signal: AbortSignal): Promise<number>
  /** Whether the backend answers now. Throws `LightningUnavailable` when it does not. */
  check(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
