import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { hash } from './api.ts'

const received = z.object({ type: z.literal('payment_received'), paymentHash: hash })

/**
 * The payment hash that a webhook call of phoenixd tells of, a reason to look it up and no more; `null` when its signature
 * is not by this `webhook-secret` over these very bytes, or it tells of something else. `signatureHeader` is
 * `X-Phoenix-Signature` (phoenix.acinq.co/server/api, webhook authentication).
 */
export function phoenixdWebhookHash(
  secret: string,
  rawBody: Uint8Array,
  signatureHeader: string | undefined,
): string | null {
  // With an empty secret everybody could sign.
  if (secret === '' || !/^[0-9a-f]{64}$/i.test(signatureHeader ?? '')) return null
  const expected = createHmac('sha256', secret).update(rawBody).digest()
  if (!timingSafeEqual(expected, Buffer.from(signatureHeader ?? '', 'hex'))) return null
  try {
    return received.parse(JSON.parse(Buffer.from(rawBody).toString('utf8'))).paymentHash
  } catch {
    // phoenixd signs what it sends itself: this is another kind of event, or one of a later version.
    return null
  }
}
