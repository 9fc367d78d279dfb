import { randomBytes } from 'node:crypto'
import { decode, encode, sign } from 'bolt11'

/** A network as invoices name it (BOLT 11, prefix); the other fields are of addresses, which no invoice here has. */
const networkOf = (bech32: string) => ({ bech32, pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] })

const features = {
  word_length: 4,
  var_onion_optin: { required: true, supported: false },
  payment_secret: { required: true, supported: false },
}

type SignedInvoice = {
  /** `lnbc`, `lntb`, `lntbs`, `lnbcrt` … */
  readonly prefix: string
  /** Public key of the node that signed it, hex. */
  readonly nodeId: string
  readonly paymentHash: string
  readonly amountMsat: number
}

/** Reads an invoice of any network, with an amount. Throws when it is none. */
export function readSigned(bolt11: string): SignedInvoice {
  const [prefix = '', bech32 = ''] = /^ln([a-z]+)(?=\d)/.exec(bolt11) ?? []
  const { payeeNodeKey: nodeId, tagsObject, millisatoshis } = decode(bolt11, networkOf(bech32))
  const { payment_hash: paymentHash } = tagsObject
  if (nodeId === undefined || paymentHash === undefined || !millisatoshis) throw new Error('this is no invoice')
  return { prefix, nodeId, paymentHash, amountMsat: Number(millisatoshis) }
}

/** An invoice of a node that does not exist, so that no payment finds a way to it. */
export function nobodysInvoice(wanted: {
  readonly prefix: string
  readonly amountMsat: number
  readonly timestamp: number
  readonly expirySeconds: number
}): { bolt11: string; paymentHash: string } {
  const paymentHash = randomBytes(32).toString('hex')
  const tags = [
    { tagName: 'payment_hash', data: paymentHash },
    { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
    { tagName: 'description', data: '' },
    { tagName: 'expire_time', data: wanted.expirySeconds },
    { tagName: 'min_final_cltv_expiry', data: 18 },
    { tagName: 'feature_bits', data: features },
  ]
  const { prefix, timestamp, amountMsat } = wanted
  const network = networkOf(prefix.replace(/^ln/, ''))
  const unsigned = encode({ network, timestamp, millisatoshis: String(amountMsat), tags }, false)
  const { paymentRequest } = sign(unsigned, randomBytes(32))
  if (paymentRequest === undefined) throw new Error('an invoice was left unsigned')
  return { bolt11: paymentRequest, paymentHash }
}
