/** What is asked of a Lightning address. Amounts are millisatoshi. */
export type AddressRequest = {
  /** `alice@example.com`, in lower case (LUD-16). */
  readonly lightningAddress: string
  readonly amountMsat: number
  /** For the payee to read, if the payee takes comments (LUD-12). */
  readonly comment: string | null
  /** Of the network, as its invoices begin after `ln`. */
  readonly currency: string
}

/** What came of asking: `refused` is final, with a short text for people. */
export type AddressAnswer =
  | { readonly status: 'invoice'; readonly bolt11: string }
  | { readonly status: 'refused'; readonly reason: string }

/** The address could not be reached or gave no usable answer; it may later. */
export class AddressUnavailable extends Error {
  override readonly name = 'AddressUnavailable'
}

/** Whoever asks the Lightning addresses of strangers for invoices. */
export interface LightningAddresses {
  /** An invoice of exactly the amount. Throws `AddressUnavailable`; asking again gives another invoice. */
  requestInvoice(request: AddressRequest, signal: AbortSignal): Promise<AddressAnswer>
}
