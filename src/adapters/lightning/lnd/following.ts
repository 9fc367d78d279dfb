import { timeLimit } from '../../time-limit.ts'
import { LightningUnavailable } from '../port.ts'
import type { LndConnection } from './connection.ts'
import { type Invoice, infoSchema, invoiceSchema } from './messages.ts'
import { troubleOf, unexpected } from './refusals.ts'

/** How long a check of a connection may take. */
const maxCheckMs = 10_000

export type Following = {
  readonly connection: LndConnection
  /** How long a stream may be silent before it is opened anew. */
  readonly quietMs: number
}

/**
 * The invoices that a subscription tells of until it has been silent for a while: a connection that died looks like one on
 * which nothing happens, and LND sends no sign of life, not even the head of its answer before the first message. Who
 * follows then begins another turn. Ends quietly then, and when the signal aborts. Throws `LightningUnavailable`, also when
 * LND ends it, unless what it told last `isLast`.
 */
export async function* followForATurn(
  { connection, quietMs }: Following,
  { path, query = {}, isLast }: { path: string; query?: Record<string, string>; isLast?: (last: Invoice) => boolean },
  signal: AbortSignal,
): AsyncGenerator<Invoice, void, void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), quietMs)
  const until = AbortSignal.any([signal, silence.signal])
  try {
    for await (const said of connection.stream(invoiceSchema, { method: 'GET', path, query }, until)) {
      if ('refusal' in said) throw unexpected(said.refusal)
      yield said.answer
      if (isLast?.(said.answer)) return
      timer.refresh()
    }
    throw new LightningUnavailable('lnd ended a subscription')
  } catch (error) {
    if (!(error instanceof LightningUnavailable && until.aborted)) throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether LND answers and knows the macaroon (LND REST, getinfo); the right to this very call, which the common
 * `invoice.macaroon` lacks, is not needed. Throws `LightningUnavailable` when it does not, also when that takes long.
 */
export async function checkLnd(connection: LndConnection, signal: AbortSignal): Promise<void> {
  const soon = AbortSignal.any([signal, timeLimit(maxCheckMs)])
  const said = await connection.call(infoSchema, { method: 'GET', path: '/v1/getinfo' }, soon)
  if ('refusal' in said && troubleOf(said.refusal) !== 'right') throw unexpected(said.refusal)
}
