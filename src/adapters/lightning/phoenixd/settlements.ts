import { z } from 'zod'
import { timeLimit } from '../../time-limit.ts'
import type { IncomingPayment } from '../port.ts'
import type { Api } from './api.ts'
import { arrivalOf, incomingPayment, type Received } from './arrivals.ts'
import { openBell } from './bell.ts'

/** How far a listener has come: a time in milliseconds, and those of exactly that time who were told. */
type Place = { readonly at: number; readonly told: readonly string[] }

const pageSize = 200
const page = z.array(incomingPayment)

/** Settlements after a cursor, from phoenixd's list; its websocket only tells when to look again. */
export async function* streamSettlements(
  api: Api,
  pingSeconds: number,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  try {
    if (!signal.aborted) yield* settlementsAfter(api, pingSeconds, readPlace(cursor), signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function* settlementsAfter(
  api: Api,
  pingSeconds: number,
  start: Place,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  api.checkOpen()
  const stopping = AbortSignal.any([signal, api.closing])
  const bell = await openBell(api.target, pingSeconds, stopping)
  let place = start
  try {
    while (!signal.aborted) {
      api.checkOpen()
      bell.reset()
      for (const one of await listAfter(api, place, pingSeconds, signal)) {
        const { paymentHash, completedAt } = one
        const sameTime = completedAt === place.at ? place.told : []
        place = { at: completedAt, told: [...sameTime, shortOf(paymentHash)] }
        yield { paymentHash, status: 'settled', ...arrivalOf(one), cursor: `${place.at}:${place.told.join(',')}` }
        if (signal.aborted) return
      }
      await bell.rung(stopping)
    }
  } finally {
    bell.close()
  }
}

/** Oldest first. phoenixd lists the newest first: what arrives while pages are turned shows some twice, and hides none. */
async function listAfter(api: Api, { at, told }: Place, pingSeconds: number, signal: AbortSignal): Promise<Received[]> {
  const found = new Map<string, Received>()
  for (let offset = 0; ; offset += pageSize) {
    const query = { from: String(at), limit: String(pageSize), offset: String(offset) }
    const patience = AbortSignal.any([signal, timeLimit(pingSeconds * 2_000)])
    const entries = await api.read({ method: 'GET', path: '/payments/incoming', query }, page, patience)
    for (const one of entries) {
      const isTold = one.isPaid && one.completedAt === at && told.includes(shortOf(one.paymentHash))
      if (one.isPaid && one.completedAt >= at && !isTold) found.set(one.paymentHash, one)
    }
    if (entries.length < pageSize) break
  }
  return [...found.values()].reverse().sort((a, b) => a.completedAt - b.completedAt)
}

function readPlace(cursor: string | null): Place {
  const [, at, told = ''] = /^(\d{1,15}):([0-9a-f,]*)$/.exec(cursor ?? '') ?? []
  return { at: Number(at ?? 0), told: told.split(',').filter(short => short !== '') }
}

/** Enough to tell apart what arrived in one millisecond. */
function shortOf(paymentHash: string): string {
  return paymentHash.slice(0, 16)
}
