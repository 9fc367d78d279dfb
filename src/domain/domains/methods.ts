import { z } from 'zod'
import { domain } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { defineCommand } from '../method.ts'

const priceMsat = z.int().min(0).max(1_000_000_000_000)
const policy = {
  basePriceMsat: priceMsat,
  pricePerCharMsat: priceMsat,
  ttlSeconds: z.int().min(60).max(604_800),
  open: z.boolean(),
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
  }),
  result: view,
  handle: ({ domain: name, ...terms }, tx, context) => {
    if (tx.has(tables.domains, [name])) return reject('CONFLICT', `${name} is a domain of this service already`)
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
  }),
  result: view,
  handle: (params, tx) => {
    const row = tx.get(tables.domains, [params.domain])
    if (row === undefined) return reject('NOT_FOUND', `${params.domain} is not a domain of this service`)
    const terms = {
      basePriceMsat: params.basePriceMsat ?? row.basePriceMsat,
      pricePerCharMsat: params.pricePerCharMsat ?? row.pricePerCharMsat,
      ttlSeconds: params.ttlSeconds ?? row.ttlSeconds,
      open: params.open ?? row.open,
    }
    tx.put(tables.domains, [params.domain], { ...row, ...terms })
    return ok({ domain: params.domain, ...terms })
  },
})
