import { encode, sign } from 'bolt11'

const regtest = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }

/** What a payer must support, and in how many words it is written: the highest bit, 17, needs four (BOLT 9). */
const features = {
  word_length: 4,
  var_onion_optin: { required: true, supported: false },
  payment_secret: { required: true, supported: false },
  basic_mpp: { required: false, supported: true },
}

/** What an invoice says, times in Unix seconds; hashes and secret are 32 bytes, hex. */
export type InvoiceFields = {
  readonly paymentHash: string
  readonly paymentSecret: string
  readonly amountMsat: number
  readonly description: string
  /** Written instead of the description. */
  readonly descriptionHash?: string | null
  readonly timestamp: number
  readonly expirySeconds: number
}

/** A signed regtest invoice (BOLT 11); the payee is the key's node, found by recovery. */
export function signInvoice(fields: InvoiceFields, secretKey: Buffer): string {
  const { descriptionHash = null } = fields
  const tags = [
    { tagName: 'payment_hash', data: fields.paymentHash },
    { tagName: 'payment_secret', data: fields.paymentSecret },
    descriptionHash === null
      ? { tagName: 'description', data: fields.description }
      : { tagName: 'purpose_commit_hash', data: descriptionHash },
    { tagName: 'expire_time', data: fields.expirySeconds },
    { tagName: 'min_final_cltv_expiry', data: 18 },
    { tagName: 'feature_bits', data: features },
  ]
  const { timestamp, amountMsat } = fields
  const unsigned = encode({ network: regtest, timestamp, millisatoshis: String(amountMsat), tags }, false)
  const { paymentRequest } = sign(unsigned, secretKey)
  if (paymentRequest === undefined) throw new Error('an invoice was left unsigned')
  return paymentRequest
}
