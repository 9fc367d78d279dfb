import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** What a webhook of Strike's tells: that something changed, of what kind, and its id. It is looked up, never believed. */
export type WebhookHint = { readonly eventType: string; readonly entityId: string }

/** docs.strike.me/webhooks/receive-events */
const event = z.object({ eventType: z.string().max(100), data: z.object({ entityId: z.uuid() }) })
const maxBodyBytes = 65_536

/**
 * Reads a webhook whose header `X-Webhook-Signature` is the HMAC-SHA256 of its raw body, in hex
 * (docs.strike.me/webhooks/signature-verification). `null` when it is not, or not as documented.
 */
export function readWebhook(rawBody: Uint8Array, signature: string | undefined, secret: string): WebhookHint | null {
  if (rawBody.byteLength > maxBodyBytes || !/^[0-9a-f]{64}$/i.test(signature ?? '')) return null
  const claimed = Buffer.from(signature ?? '', 'hex')
  // Compared in the same time wherever they differ: otherwise a signature could be found byte by byte.
  if (!timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), claimed)) return null
  let body: unknown
  try {
    body = JSON.parse(Buffer.from(rawBody).toString('utf8'))
  } catch {
    return null
  }
  const parsed = event.safeParse(body)
  return parsed.success ? { eventType: parsed.data.eventType, entityId: parsed.data.data.entityId } : null
}
