import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'

/** An order as results and answers have it. */
export const orderView = z.looseObject({ id: ref, status: z.string(), totalMsat: z.int() })

/** An invoice as results and answers have it. */
export const invoiceView = z.looseObject({ id: ref, status: z.string(), bolt11: z.string().nullable() })
