import { z } from 'zod'
import { readAnswer } from '../http-client.ts'
import { type Api, amount, hash, refused } from './api.ts'

/** When an invoice does not say (BOLT 11, field x). */
const defaultExpirySeconds = 3_600

const decoded = z
  .object({
    paymentHash: hash,
    amount: amount.optional(),
    description: z.string().optional(),
    descriptionHash: hash.optional(),
    timestampSeconds: z.int(),
    expirySeconds: z.int().default(defaultExpirySeconds),
  })
  .transform(({ amount: amountMsat, timestampSeconds, ...rest }) => ({
    ...rest,
    amountMsat,
    expiresAt: timestampSeconds + rest.expirySeconds,
  }))

/** What an invoice says, its amount in millisatoshi; `null` when phoenixd cannot read it. Throws `LightningUnavailable`. */
export async function decodeInvoice(
  api: Api,
  invoice: string,
  signal: AbortSignal,
): Promise<z.output<typeof decoded> | null> {
  const { status, body } = await api.send({ method: 'POST', path: '/decodeinvoice', form: { invoice } }, signal)
  if (status === 400) return null
  if (status !== 200) throw refused(status)
  return readAnswer(decoded, body)
}
