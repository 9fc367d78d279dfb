import type { ApiCall } from './api.ts'
import { readBody } from './read-body.ts'
import { refusal } from './refusal.ts'
import { json, type Reply } from './reply.ts'

/** Whether a call is the Lightning backend's, by its signature over the raw body; if so it is followed. */
export type TakesWebhook = (rawBody: Uint8Array, header: (name: string) => string | undefined) => boolean

export type WebhookDeps = {
  /** `null` when the backend does not call. */
  readonly webhook: TakesWebhook | null
  mayPost(ip: string): boolean
  clientIp(request: ApiCall['incoming']): string
}

export const webhookPath = '/v1/webhooks/lightning'

const maxBodyBytes = 64 * 1_024

/**
 * `POST /v1/webhooks/lightning`: the Lightning backend says that something was paid. It is looked up, never believed. 200
 * when the signature is right; a wrong one and no signature are told alike.
 */
export async function postWebhook(deps: WebhookDeps, { request, incoming }: ApiCall): Promise<Reply> {
  if (deps.webhook === null) return refusal(404, 'NOT_FOUND', 'the Lightning backend of this service does not call')
  if (!deps.mayPost(deps.clientIp(incoming))) return refusal(429, 'RATE_LIMITED', 'too many requests from this address')
  const body = await readBody(request, maxBodyBytes)
  if (!body.ok) return refusal(413, 'TOO_LARGE', `the body is text of at most ${maxBodyBytes} bytes`)
  const isOurs = deps.webhook(body.bytes, name => request.headers.get(name) ?? undefined)
  return isOurs ? json(200, {}) : refusal(401, 'UNAUTHORIZED', 'this call is not signed by the Lightning backend')
}
