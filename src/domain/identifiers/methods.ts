import { z } from 'zod'
import { hash, identifier, page, relayUrl } from '../../protocol/fields.ts'
import { type Identifier, splitIdentifier } from '../../protocol/names.ts'
import { recordInputs, recordsFault } from '../../protocol/records.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Line } from '../../store/money-tables.ts'
import { type Record, type RowOf, recordRow, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { paymentParams, placeOrder } from '../billing/place-order.ts'
import { ratesOf, rateView } from '../billing/rates.ts'
import { toItem } from '../billing/sellable.ts'
import { ok } from '../context.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { fitPage } from '../page.ts'
import { wouldLoop } from './aliases.ts'
import { availabilityOf, maxYears, renewalOf } from './availability.ts'
import { placeOf } from './lifecycle.ts'
import { saveName } from './save.ts'

const years = z.int().min(1).max(maxYears)
const relays = z.array(relayUrl).max(10)
const ordered = z.object({
  order: z.looseObject({ id: z.string() }),
  invoice: z.looseObject({ bolt11: z.string() }).optional(),
})
const view = z.object({
  identifier: z.string(),
  status: z.enum(['active', 'grace']),
  owner: hash,
  since: z.int(),
  expiresAt: z.int(),
  version: z.int(),
  relays: z.array(z.string()),
  records: z.array(recordRow),
})

export const identifierQuote = defineQuery({
  name: 'identifier.quote',
  type: 'query',
  caller: 'anyone',
  privacy: 'public',
  summary: 'Whether a name can be registered, and its price line by line.',
  params: z.strictObject({
    identifier,
    years: years.default(1),
    /** Of a name that is somebody's: what more years of it cost. */
    renew: z.boolean().default(false),
  }),
  result: z.object({
    identifier: z.string(),
    status: z.enum(['renewable', 'available', 'premium', 'invalid', 'reserved', 'taken', 'held', 'closed', 'unknown']),
    lines: z.array(
      z.object({
        description: z.string(),
        amountMsat: z.int(),
        /** The price that `amountMsat` was converted from, in minor units of the currency. */
        fiat: z.object({ currency: z.string(), amountMinor: z.int() }).nullable(),
      }),
    ),
    totalMsat: z.int(),
    /** The exchange rates that hold now. An order keeps those that hold when it is placed. */
    rates: z.array(rateView).optional(),
    reason: z.string().optional(),
  }),
  answer: (params, reader, { settings, author, time }) => {
    const wanted = { ...splitIdentifier(params.identifier), years: params.years, account: author }
    const at = { reader, settings, time }
    const priced = (status: string, kind: string, lines: Line[]) => {
      const { totalMsat } = toItem(kind, {}, lines)
      const rates = ratesOf(reader, lines)
      return { identifier: params.identifier, status, lines, totalMsat, ...(rates.length === 0 ? {} : { rates }) }
    }
    if (params.renew) {
      const lines = renewalOf(at, wanted)
      return isRejection(lines) ? lines : priced('renewable', 'identifier-renewal', lines)
    }
    const availability = availabilityOf(at, wanted)
    if (availability.status === 'unpriced') return availability.rejection
    if ('rejection' in availability) {
      const reason = availability.rejection.message
      return { identifier: params.identifier, status: availability.status, lines: [], totalMsat: 0, reason }
    }
    return priced(availability.status, 'identifier', availability.lines)
  },
})

export const identifierRegister = defineCommand({
  name: 'identifier.register',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Orders a name for 1 to 10 years, paid by invoice (held meanwhile, if holds are not used up) or balance.',
  params: z.strictObject({
    identifier,
    years: years.default(1),
    records: recordInputs.default([]),
    relays: relays.default([]),
    ...paymentParams,
  }),
  result: ordered,
  mayHoldUnpaid: ({ pay }) => pay === 'invoice',
  handle: (params, tx, context) => {
    const wanted = splitIdentifier(params.identifier)
    const { settings, time, author: account } = context
    const availability = availabilityOf({ reader: tx, settings, time }, { ...wanted, years: params.years, account })
    if ('rejection' in availability) return availability.rejection
    const fault = recordsRejection(tx, wanted, params.records)
    if (fault !== null) return fault
    const { years: term, records, relays: hints } = params
    const item = toItem(
      'identifier',
      { identifier: params.identifier, years: term, records, relays: hints },
      availability.lines,
    )
    return placeOrder(tx, context, { ...params, items: [item], description: params.identifier })
  },
})

export const identifierRenew = defineCommand({
  name: 'identifier.renew',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Orders 1 to 10 more years of a name, whoever owns it, paid by invoice or balance.',
  params: z.strictObject({
    identifier,
    years: years.default(1),
    ...paymentParams,
  }),
  result: ordered,
  handle: (params, tx, context) => {
    const { identifier: full, years: term } = params
    const { name, domain } = splitIdentifier(full)
    const { settings, time } = context
    const lines = renewalOf({ reader: tx, settings, time }, { name, domain, years: term })
    if (isRejection(lines)) return lines
    const since = tx.get(tables.identifiers, [domain, name])?.since
    const item = toItem('identifier-renewal', { identifier: full, years: term, since }, lines)
    return placeOrder(tx, context, { ...params, items: [item], description: `${full}, renewal` })
  },
})

export const identifierSetRecords = defineCommand({
  name: 'identifier.set_records',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary:
    'Replaces all records of an own name (and its relays, when given), optionally only if its version is as expected.',
  params: z.strictObject({
    identifier,
    records: recordInputs,
    relays: relays.optional(),
    expectedVersion: z.int().min(1).optional(),
  }),
  result: z.object({ identifier: view }),
  handle: (params, tx, context) => {
    const target = splitIdentifier(params.identifier)
    const row = tx.get(tables.identifiers, [target.domain, target.name])
    if (row === undefined) return reject('NOT_FOUND', `${params.identifier} is not registered`)
    if (row.owner !== context.author) return reject('UNAUTHORIZED', `${params.identifier} belongs to another account`)
    if (params.expectedVersion !== undefined && params.expectedVersion !== row.version) {
      return reject('CONFLICT', 'the records have changed since', { version: row.version })
    }
    const fault = recordsRejection(tx, target, params.records)
    if (fault !== null) return fault
    const changed = { ...row, records: params.records, relays: params.relays ?? row.relays, version: row.version + 1 }
    saveName(tx, context, target, changed)
    return ok({ identifier: present(params.identifier, changed) })
  },
})

export const identifierGet = defineQuery({
  name: 'identifier.get',
  type: 'query',
  caller: 'anyone',
  privacy: 'public',
  summary: 'Owner, status and public records of a name.',
  params: z.strictObject({ identifier }),
  result: view,
  answer: (params, reader) => {
    const { domain, name } = splitIdentifier(params.identifier)
    const row = reader.get(tables.identifiers, [domain, name])
    return row === undefined
      ? reject('NOT_FOUND', `${params.identifier} is not registered`)
      : present(params.identifier, row)
  },
})

export const identifierList = defineQuery({
  name: 'identifier.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The names of the caller, in order of domain and name, a page at a time.',
  params: z.strictObject({ limit: page.limit, after: identifier.optional() }),
  result: z.object({ identifiers: z.array(view), next: z.string().nullable() }),
  answer: ({ limit, after }, reader, { author }) => {
    const from = after === undefined ? {} : { after: positionOf(reader, after) }
    const views = listed(reader, author, 'identifier', { limit: limit + 1, ...from }).map(full => {
      const { domain, name } = splitIdentifier(full)
      const row = reader.get(tables.identifiers, [domain, name])
      if (row === undefined) throw new Error(`${full} is listed but missing`)
      return present(full, row)
    })
    const { page: identifiers, hasMore } = fitPage(views, limit)
    return { identifiers, next: hasMore ? (identifiers.at(-1)?.identifier ?? null) : null }
  },
})

/** Where a page ended. For a name that is nobody's any more some may come twice, but none is left out. */
function positionOf(reader: Reader, full: string) {
  const { domain, name } = splitIdentifier(full)
  return placeOf(reader.get(tables.identifiers, [domain, name])?.status ?? 'active', full)
}

function present(full: string, row: Omit<RowOf<'identifiers'>, 'publishedAt'>): z.infer<typeof view> {
  const { status, owner, since, expiresAt, version, relays, records } = row
  return { identifier: full, status, owner, since, expiresAt, version, relays, records }
}

/** What is wrong with the records of a name as a whole: their combination, or where an alias leads. */
function recordsRejection(reader: Reader, name: Identifier, records: Record[]): Rejection | null {
  const fault = recordsFault(records)
  if (fault !== null) return reject('CONFLICT', fault)
  const alias = records.find(entry => entry.type === 'CNAME')
  if (alias === undefined) return null
  const target = splitIdentifier(alias.value)
  if (!reader.has(tables.domains, [target.domain])) {
    return reject('CONFLICT', 'a CNAME points to a name in a domain of this service')
  }
  return wouldLoop(reader, name, target) ? reject('CONFLICT', 'this CNAME would make a loop or too long a chain') : null
}
