import { z } from 'zod'
import { domainFault } from '../protocol/names.ts'
import { section, whole } from './fields.ts'
import { currency, fiatAmount, requireAmounts } from './prices.ts'

const day = 86_400

const domain = section({
  name: z.string('a domain name').superRefine((name, context) => {
    const fault = domainFault(name)
    if (fault !== null) context.addIssue({ code: 'custom', message: `a domain name in lower case (${fault})` })
  }),
  basePriceSat: whole(0, 100_000_000).default(1_000),
  pricePerCharSat: whole(0, 100_000_000).default(100),
  /** Instead of the two above. */
  price: section({ currency: currency(), base: fiatAmount(), perChar: fiatAmount().default('0') })
    .superRefine(requireAmounts('base', 'perChar'))
    .nullable()
    .default(null),
  ttlSeconds: whole(60, 7 * day).default(3_600),
  open: z.boolean('true or false').default(true),
})

/** The domains under which names are sold, each once. */
export const domainList = z
  .array(domain, 'a list of domains')
  .max(1_000, 'at most 1000 domains')
  .superRefine(namedOnce)
  .prefault([{ name: 'localhost' }])

function namedOnce(domains: readonly { name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [index, { name }] of domains.entries()) {
    if (seen.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: 'each domain once' })
    seen.add(name)
  }
}
