import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { isOperator } from '../context.ts'
import { defineQuery } from '../method.ts'
import { presentInvoice } from './invoices.ts'
import { invoiceView } from './views.ts'

export const invoiceGet = defineQuery({
  name: 'invoice.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'One invoice of the caller.',
  params: z.strictObject({ invoiceId: ref }),
  result: invoiceView,
  answer: ({ invoiceId }, reader, { author, settings }) => {
    const invoice = reader.get(tables.invoices, [invoiceId])
    if (invoice === undefined) return reject('NOT_FOUND', 'there is no such invoice')
    if (invoice.account !== author && !isOperator(settings, author)) {
      return reject('UNAUTHORIZED', 'this invoice belongs to another account')
    }
    return presentInvoice(invoiceId, invoice)
  },
})
