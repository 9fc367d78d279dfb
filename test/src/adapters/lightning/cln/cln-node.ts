import { createHash } from 'node:crypto'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { never } from '../invoice-request.ts'
import { unlessRefused } from '../unless-refused.ts'

/** What a method of the node answers. */
export type RpcReply = { readonly result: object } | { readonly error: { code: number; message: string } }
type Parameters = Readonly<Record<string, unknown>>

/** Core Lightning's methods (doc/schemas) in front of the wallet that really has the invoices and payments. */
export type ClnNode = {
  call(method: string, parameters: Parameters): Promise<RpcReply>
  close(): Promise<void>
}

type Entry = {
  readonly label: string
  readonly bolt11: string
  readonly paymentHash: string
  readonly amountMsat: number
  readonly description: string
  readonly expiresAt: number
  readonly index: number
}
type Paid = { readonly paymentHash: string; readonly receivedMsat: number; readonly at: number }

/** Parameters as the schemas have them: required ones first. */
const methods: Readonly<Record<string, readonly [required: string[], optional: string[]]>> = {
  getinfo: [[], []],
  invoice: [
    ['amount_msat', 'label', 'description'],
    ['expiry', 'fallbacks', 'preimage', 'exposeprivatechannels', 'cltv', 'deschashonly'],
  ],
  listinvoices: [[], ['label', 'invstring', 'payment_hash', 'offer_id', 'index', 'start', 'limit']],
  waitanyinvoice: [[], ['lastpay_index', 'timeout']],
  xpay: [['invstring'], ['amount_msat', 'maxfee', 'layers', 'retry_for', 'partial_msat', 'maxdelay']],
  listpays: [[], ['bolt11', 'payment_hash', 'status', 'index', 'start', 'limit']],
  listfunds: [[], ['spent']],
}

const fail = (code: number, message: string): RpcReply => ({ error: { code, message } })
const hashOf = (preimage: string) => createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')

/** Why `xpay` gives up, by what the wallet says (lightning-xpay, errors). */
const xpayErrors: Readonly<Record<string, readonly [number, string]>> = {
  'no route': [205, 'Could not find route'],
  'no route within the fee limit': [205, 'Could not find route without excessive cost'],
  'insufficient balance': [205, 'We do not have sufficient funds'],
  'this invoice has expired': [207, 'Invoice expired 1 seconds ago'],
  'this invoice was paid before': [219, 'Already paid this invoice successfully'],
}

export function createClnNode(wallet: DevWallet, now: () => number): ClnNode {
  const invoices = new Map<string, Entry>()
  const paid: Paid[] = []
  const tries = new Map<string, { bolt11: string; amountMsat: number; at: number }>()
  const waiting = new Set<() => void>()
  const closing = new AbortController()
  let attempts = 0
  // One after another, as lightningd does.
  let turn: Promise<unknown> = Promise.resolve()

  const wake = () => {
    for (const one of [...waiting]) one()
  }
  const following = (async () => {
    for await (const one of wallet.incoming(null, closing.signal)) {
      paid.push(one)
      wake()
    }
  })()

  const describe = async (entry: Entry) => {
    const state = await wallet.lookUpInvoice(entry.paymentHash, never)
    const common = {
      label: entry.label,
      bolt11: entry.bolt11,
      payment_hash: entry.paymentHash,
      amount_msat: entry.amountMsat,
      description: entry.description,
      expires_at: entry.expiresAt,
      created_index: entry.index,
    }
    if (state.status !== 'settled') return { ...common, status: state.status === 'expired' ? 'expired' : 'unpaid' }
    const index = paid.findIndex(one => one.paymentHash === entry.paymentHash) + 1
    return {
      ...common,
      status: 'paid',
      pay_index: index,
      amount_received_msat: state.receivedMsat,
      paid_at: state.at,
      payment_preimage: state.preimage,
      updated_index: index,
    }
  }

  const invoice = async (asked: Parameters): Promise<RpcReply> => {
    const label = String(asked.label)
    const preimage = String(asked.preimage)
    if (Buffer.byteLength(label) > 128) return fail(-32602, `Label '${label}' over 128 bytes`)
    if (!/^[0-9a-f]{64}$/.test(preimage)) return fail(-32602, 'preimage: should be 64 hex digits')
    if (invoices.has(label)) return fail(900, `Duplicate label '${label}'`)
    const isUsed = [...invoices.values()].some(one => one.paymentHash === hashOf(preimage))
    if (isUsed) return fail(901, 'preimage already used')
    const amountMsat = Number(asked.amount_msat)
    const description = String(asked.description)
    const expirySeconds = Number(asked.expiry ?? 604_800)
    const request = { idempotencyKey: label, preimage, amountMsat, description, expirySeconds }
    const made = await wallet.createInvoice(request, never).catch(unlessRefused)
    if (made === 'refused') return fail(-1, 'cannot make this invoice')
    const index = invoices.size + 1
    invoices.set(label, { label, ...made, amountMsat, description, index })
    const { bolt11, paymentHash: payment_hash, expiresAt: expires_at } = made
    const payment_secret = hashOf(payment_hash)
    return { result: { payment_hash, expires_at, bolt11, payment_secret, created_index: index } }
  }

  const listinvoices = async ({ label, payment_hash }: Parameters): Promise<RpcReply> => {
    const wanted = [...invoices.values()].filter(
      one =>
        (label === undefined || one.label === label) &&
        (payment_hash === undefined || one.paymentHash === payment_hash),
    )
    return { result: { invoices: await Promise.all(wanted.map(describe)) } }
  }

  const waitanyinvoice = async ({ lastpay_index = 0, timeout }: Parameters): Promise<RpcReply> => {
    const last = Number(lastpay_index)
    if (paid.length <= last) {
      await new Promise<void>(resolve => {
        const until = () => {
          if (paid.length <= last && !closing.signal.aborted) return
          done()
        }
        const done = () => {
          clearTimeout(timer)
          waiting.delete(until)
          resolve()
        }
        const timer = timeout === undefined ? undefined : setTimeout(done, Number(timeout) * 1_000)
        waiting.add(until)
      })
    }
    const entry = [...invoices.values()].find(one => one.paymentHash === paid[last]?.paymentHash)
    if (entry === undefined) return fail(904, 'Timed out while waiting for invoice to be paid')
    return { result: await describe(entry) }
  }

  const xpay = async ({ invstring, maxfee }: Parameters): Promise<RpcReply> => {
    const bolt11 = String(invstring)
    const read = parseBolt11(bolt11)
    if (read === null || read.currency !== 'bcrt') return fail(-32602, 'Invalid bolt11 invoice: Bad bech32 string')
    const { paymentHash, amountMsat } = read
    if (amountMsat === null) return fail(-32602, 'amount_msat required')
    const at = now()
    const idempotencyKey = `attempt ${++attempts}`
    let outcome = await wallet.pay({ idempotencyKey, bolt11, maxFeeMsat: Number(maxfee) }, never)
    // A part was sent; without one the node lists nothing.
    const wasTried = outcome.status !== 'failed' || outcome.reason === 'no route'
    if (wasTried) tries.set(paymentHash, { bolt11, amountMsat, at })
    // It answers once the payment has ended.
    while (outcome.status === 'unknown' && !closing.signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, 5))
      outcome = (await wallet.lookUpPayment({ idempotencyKey, paymentHash }, never)) ?? outcome
    }
    if (outcome.status === 'paid') {
      const amount_sent_msat = amountMsat + outcome.feeMsat
      const payment_preimage = outcome.preimage
      return {
        result: { payment_preimage, amount_msat: amountMsat, amount_sent_msat, failed_parts: 0, successful_parts: 1 },
      }
    }
    const reason = outcome.status === 'failed' ? outcome.reason : ''
    return fail(...(xpayErrors[reason] ?? ([209, reason] as const)))
  }

  const listpays = async ({ bolt11, payment_hash }: Parameters): Promise<RpcReply> => {
    const read = bolt11 === undefined ? null : parseBolt11(String(bolt11))
    if (bolt11 !== undefined && read === null) return fail(-32602, 'Invalid invstring: Bad bech32 string')
    const paymentHash = read?.paymentHash ?? String(payment_hash)
    const tried = tries.get(paymentHash)
    const outcome = await wallet.lookUpPayment({ idempotencyKey: '', paymentHash }, never)
    if (tried === undefined || outcome === null) return { result: { pays: [] } }
    const common = { payment_hash: paymentHash, bolt11: tried.bolt11, created_at: tried.at, created_index: 1 }
    if (outcome.status === 'unknown') return { result: { pays: [{ ...common, status: 'pending' }] } }
    if (outcome.status === 'failed') return { result: { pays: [{ ...common, status: 'failed', amount_sent_msat: 0 }] } }
    const amounts = { amount_msat: tried.amountMsat, amount_sent_msat: tried.amountMsat + outcome.feeMsat }
    return { result: { pays: [{ ...common, ...amounts, status: 'complete', preimage: outcome.preimage }] } }
  }

  const listfunds = async (): Promise<RpcReply> => {
    const channel = (state: string, our_amount_msat: number) => ({
      peer_id: wallet.nodeId,
      connected: true,
      state,
      channel_id: '00'.repeat(32),
      our_amount_msat,
      amount_msat: 1_000_000_000,
      funding_txid: '00'.repeat(32),
      funding_output: 0,
    })
    const balanceMsat = await wallet.balanceMsat(never)
    const half = Math.floor(balanceMsat / 2)
    const usable = [channel('CHANNELD_NORMAL', half), channel('CHANNELD_AWAITING_SPLICE', balanceMsat - half)]
    return { result: { outputs: [], channels: [...usable, channel('ONCHAIN', 500_000_000)] } }
  }

  const getinfo = async (): Promise<RpcReply> => ({
    result: { id: wallet.nodeId, alias: 'SLIMYTRAWL', version: 'v25.12', network: 'regtest', blockheight: 103 },
  })

  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const next = turn.then(act)
    turn = next.catch(() => undefined)
    return next
  }
  const run: Readonly<Record<string, (asked: Parameters) => Promise<RpcReply>>> = {
    getinfo,
    invoice: asked => inTurn(() => invoice(asked)),
    listinvoices,
    waitanyinvoice,
    xpay,
    listpays,
    listfunds,
  }

  return {
    call: async (method, parameters) => {
      const [required, optional] = methods[method] ?? [null, []]
      const act = run[method]
      if (required === null || act === undefined) return fail(-32601, `Unknown command '${method}'`)
      const missing = required.find(name => !(name in parameters))
      if (missing !== undefined) return fail(-32602, `missing required parameter: ${missing}`)
      const stray = Object.keys(parameters).find(name => ![...required, ...optional].includes(name))
      return stray === undefined ? act(parameters) : fail(-32602, `unknown parameter: ${stray}`)
    },
    close: async () => {
      closing.abort()
      wake()
      await following
    },
  }
}
