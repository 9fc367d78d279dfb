import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'
import { isRejection } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { defineQuery } from '../method.ts'
import { visibleRow } from '../owned-row.ts'
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
  answer: ({ invoiceId }, reader, viewer) => {
    const invoice = visibleRow(reader, { table: tables.invoices, name: 'invoice' }, invoiceId, viewer)
    if (isRejection(invoice)) return invoice
    return presentInvoice(invoiceId, invoice)
  },
})
