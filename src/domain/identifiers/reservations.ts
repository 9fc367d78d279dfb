import { z } from 'zod'
import { identifier, publicKey } from '../../protocol/fields.ts'
import { nameFault, splitIdentifier } from '../../protocol/names.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { defineCommand } from '../method.ts'

export const identifierReserve = defineCommand({
  name: 'identifier.reserve',
  type: 'command',
  caller: 'operator',
  privacy: 'sealed',
  summary:
    'Keeps a name, whenever it is free, from being registered: by anyone, by anyone but one key, or for less than a price per year.',
  params: z.strictObject({
    identifier,
    reason: z.string().min(1).max(256),
    priceMsat: z.int().min(0).max(100_000_000_000_000).nullable().default(null),
    reservedFor: publicKey.nullable().default(null),
  }),
  result: z.object({ identifier: z.string() }),
  handle: ({ identifier: full, reason, priceMsat, reservedFor }, tx, context) => {
    const { domain, name } = splitIdentifier(full)
    if (!tx.has(tables.domains, [domain])) return reject('NOT_FOUND', `${domain} is not a domain of this service`)
    const fault = nameFault(name, context.settings.identifiers)
    if (fault !== null) return reject('NAME_INVALID', fault)
    tx.put(tables.reservations, [domain, name], { reason, priceMsat, reservedFor, createdAt: context.time })
    return ok({ identifier: full })
  },
})

export const identifierUnreserve = defineCommand({
  name: 'identifier.unreserve',
  type: 'command',
  caller: 'operator',
  privacy: 'sealed',
  summary: 'Ends the reservation of a name; one that the configuration makes stays.',
  params: z.strictObject({ identifier }),
  result: z.object({ identifier: z.string() }),
  handle: ({ identifier: full }, tx) => {
    const { domain, name } = splitIdentifier(full)
    if (!tx.has(tables.reservations, [domain, name])) return reject('NOT_FOUND', `${full} is not reserved by command`)
    tx.delete(tables.reservations, [domain, name])
    return ok({ identifier: full })
  },
})
