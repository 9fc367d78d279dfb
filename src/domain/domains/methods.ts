import { z } from 'zod'
import { currencies } from '../../protocol/currency.ts'
import { domain } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { defineCommand } from '../method.ts'

const priceMsat = z.int().min(0).max(1_000_000_000_000)
const priceMinor = z.int().min(0).max(100_000_000)
const policy = {
  basePriceMsat: priceMsat,
  pricePerCharMsat: priceMsat,
  ttlSeconds: z.int().min(60).max(604_800),
  open: z.boolean(),
  /** Prices in minor units of a currency, instead of those in millisatoshi, which are 0 then. */
  fiat: z.strictObject({ currency: z.enum(currencies), baseMinor: priceMinor, perCharMinor: priceMinor }).nullable(),
}
const view = z.object({ domain: z.string(), ...policy })

export const domainAdd = defineCommand({
  name: 'domain.add',
  type: 'command',
  caller: 'operator',
  privacy: 'sealed',
  summary: 'Adds a domain whose names are sold here.',
  params: z.strictObject({
    domain,
    ...policy,
    ttlSeconds: policy.ttlSeconds.default(3_600),
    open: policy.open.default(true),
    fiat: policy.fiat.default(null),
  }),
  result: view,
  handle: ({ domain: name, ...terms }, tx, context) => {
    if (tx.has(tables.domains, [name])) return reject('CONFLICT', `${name} is a domain of this service already`)
    if (isPricedTwice(terms)) return pricedTwice
    tx.put(tables.domains, [name], { ...terms, createdAt: context.time })
    return ok({ domain: name, ...terms })
  },
})

export const domainSetPolicy = defineCommand({
  name: 'domain.set_policy',
  type: 'command',
  caller: 'operator',
  privacy: 'sealed',
  summary: 'Changes prices, default TTL or openness of a domain. Orders placed before keep their price.',
  params: z.strictObject({
    domain,
    basePriceMsat: policy.basePriceMsat.optional(),
    pricePerCharMsat: policy.pricePerCharMsat.optional(),
    ttlSeconds: policy.ttlSeconds.optional(),
    open: policy.open.optional(),
    fiat: policy.fiat.optional(),
  }),
  result: view,
  handle: (params, tx) => {
    const row = tx.get(tables.domains, [params.domain])
    if (row === undefined) return reject('NOT_FOUND', `${params.domain} is not a domain of this service`)
    const fiat = params.fiat === undefined ? row.fiat : params.fiat
    // Prices in a currency take the place of those in millisatoshi that hold so far.
    const before = fiat === null ? row : { basePriceMsat: 0, pricePerCharMsat: 0 }
    const terms = {
      basePriceMsat: params.basePriceMsat ?? before.basePriceMsat,
      pricePerCharMsat: params.pricePerCharMsat ?? before.pricePerCharMsat,
      ttlSeconds: params.ttlSeconds ?? row.ttlSeconds,
      open: params.open ?? row.open,
      fiat,
    }
    if (isPricedTwice(terms)) return pricedTwice
    if (row.fiat !== null && fiat === null && isPriceMissing(params)) return priceMissing
    tx.put(tables.domains, [params.domain], { ...row, ...terms })
    return ok({ domain: params.domain, ...terms })
  },
})

const pricedTwice = reject('CONFLICT', 'a domain is priced in a currency or in millisatoshi: for these, "fiat" is null')
const priceMissing = reject('CONFLICT', 'with "fiat" null, basePriceMsat and pricePerCharMsat say what a name costs')

function isPricedTwice(terms: { fiat: object | null; basePriceMsat: number; pricePerCharMsat: number }): boolean {
  return terms.fiat !== null && (terms.basePriceMsat > 0 || terms.pricePerCharMsat > 0)
}

/** A domain that is not priced in a currency any more would be free otherwise. */
function isPriceMissing(params: {
  basePriceMsat?: number | undefined
  pricePerCharMsat?: number | undefined
}): boolean {
  return params.basePriceMsat === undefined || params.pricePerCharMsat === undefined
}
