/** What a backend knows of an incoming invoice. Amounts are millisatoshi, times Unix seconds. */
export type InvoiceState =
  | { readonly status: 'open' }
  | {
      readonly status: 'settled'
      /** What actually arrived, which is what counts; it may differ from what was asked. */
      readonly receivedMsat: number
      readonly settledAt: number
      /** 32 bytes, hex. */
      readonly preimage: string
    }
  | { readonly status: 'expired' }
  /** The backend has never heard of this payment hash. */
  | { readonly status: 'unknown' }

/** What is asked of a backend when an invoice is made. */
export type InvoiceRequest = {
  /** Same key, same request: the same invoice comes back, however often it is asked (a retry after a crash). */
  readonly idempotencyKey: string
  readonly amountMsat: number
  readonly description: string
  /** Seconds from now until the invoice expires. */
  readonly expirySeconds: number
}

/** An invoice as a backend made it. */
export type CreatedInvoice = {
  readonly bolt11: string
  /** 32 bytes, hex. */
  readonly paymentHash: string
  /** Unix seconds, from the signed invoice. */
  readonly expiresAt: number
}

/** One settlement, in the order in which the backend reports them. */
export type Settlement = {
  readonly paymentHash: string
  readonly receivedMsat: number
  readonly settledAt: number
  /** Where a later `settlements(cursor)` continues, so that none is missed; opaque to the caller. */
  readonly cursor: string
}

/** The backend could not be reached or gave no usable answer. What was asked may or may not have happened. */
export class LightningUnavailable extends Error {
  override readonly name = 'LightningUnavailable'
}

/** A Lightning wallet or node that makes invoices and tells when they are paid. */
export interface LightningBackend {
  /** Short name for logs and the start message, without secrets or addresses. */
  readonly name: string
  /** Makes an invoice. Throws `LightningUnavailable`; asking again with the same key is safe. */
  createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<CreatedInvoice>
  /** The state of one invoice. Throws `LightningUnavailable`. */
  lookUpInvoice(paymentHash: string, signal: AbortSignal): Promise<InvoiceState>
  /**
   * Settlements after `cursor` (`null`: from the first), then new ones as they happen, until the signal aborts.
   * Throws `LightningUnavailable` when the connection is lost; the caller starts again from its cursor.
   */
  settlements(cursor: string | null, signal: AbortSignal): AsyncIterable<Settlement>
  /** Whether the backend answers now. Throws `LightningUnavailable` when it does not. */
  check(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
