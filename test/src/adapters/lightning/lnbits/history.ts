import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'

/** A line of LNbits' table `apipayments`, as its API writes it. */
export type Line = {
  checking_id: string
  payment_hash: string
  wallet_id: string
  amount: number
  fee: number
  bolt11: string
  payment_request: string
  fiat_provider: null
  status: 'pending' | 'success' | 'failed'
  memo: string
  expiry: string
  webhook: null
  webhook_status: null
  preimage: string | null
  tag: string | null
  extension: null
  time: string
  created_at: string
  updated_at: string
  labels: string[]
  extra: Record<string, unknown>
}

const never = new AbortController().signal

/** Unix seconds as LNbits writes times. */
export function isoOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', '+00:00')
}

/** What the funding source says of a payment now (wallets/base.py, `PaymentStatus`). */
export async function liveStatusOf(node: DevWallet, line: Line): Promise<'success' | 'failed' | 'pending'> {
  if (line.amount > 0) {
    const { status } = await node.lookUpInvoice(line.payment_hash, never)
    return status === 'settled' ? 'success' : 'pending'
  }
  const outcome = await node.lookUpPayment({ idempotencyKey: '', paymentHash: line.payment_hash }, never)
  return outcome?.status === 'paid' ? 'success' : outcome?.status === 'failed' ? 'failed' : 'pending'
}

/** Writes into a pending line what the funding source says (services/payments.py, `update_pending_payment`). */
export async function updatePending(node: DevWallet, line: Line, now: number): Promise<boolean> {
  if (line.status !== 'pending') return false
  if (line.amount > 0) {
    const state = await node.lookUpInvoice(line.payment_hash, never)
    if (state.status !== 'settled') return false
    Object.assign(line, { status: 'success', preimage: state.preimage, updated_at: isoOf(state.at) })
    return true
  }
  const outcome = await node.lookUpPayment({ idempotencyKey: '', paymentHash: line.payment_hash }, never)
  if (outcome?.status === 'failed') Object.assign(line, { status: 'failed', updated_at: isoOf(now) })
  if (outcome?.status === 'paid') {
    const { preimage, feeMsat } = outcome
    Object.assign(line, { status: 'success', preimage, fee: -feeMsat, updated_at: isoOf(now) })
  }
  return line.status !== 'pending'
}

/** Filters, sorts and cuts as LNbits does (db.py, `Filters`); what it does not know it leaves aside. */
export function pageOf(lines: readonly Line[], query: URLSearchParams): { data: Line[]; total: number } {
  let found = [...lines]
  for (const [key, value] of query) {
    const [, field, operator = 'eq'] = /^(\w+)(?:\[(\w+)\])?$/.exec(key) ?? []
    if (field === undefined || !filterFields.has(field)) continue
    found = found.filter(line => matches(fieldOf(line, field), operator, field === 'time' ? secondsOf(value) : value))
  }
  const sortby = query.get('sortby') ?? 'time'
  const sign = query.get('direction') === 'asc' ? 1 : -1
  found.sort((one, other) => sign * compare(fieldOf(one, sortby), fieldOf(other, sortby)))
  const offset = Number(query.get('offset') ?? 0)
  const limit = Number(query.get('limit') ?? 0)
  return { data: found.slice(offset, limit > 0 ? offset + limit : undefined), total: found.length }
}

/** core/models/payments.py, `PaymentFilters`. */
const filterFields = new Set(
  'status tag checking_id amount fee memo time preimage payment_hash wallet_id labels'.split(' '),
)

function fieldOf(line: Line, field: string): string | number {
  const value = (line as unknown as Record<string, unknown>)[field]
  if (field === 'time' || field.endsWith('_at')) return secondsOf(String(value))
  return typeof value === 'number' ? value : String(value)
}

function matches(value: string | number, operator: string, wanted: string | number): boolean {
  const order = compare(value, typeof value === 'number' ? Number(wanted) : String(wanted))
  if (operator === 'gt') return order > 0
  if (operator === 'ge') return order >= 0
  if (operator === 'lt') return order < 0
  if (operator === 'le') return order <= 0
  return operator === 'ne' ? order !== 0 : order === 0
}

function compare(one: string | number, other: string | number): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function secondsOf(time: string): number {
  return Date.parse(time) / 1_000
}
