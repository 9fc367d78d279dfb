import type { IncomingMessage } from 'node:http'
import type { Gateway } from '../pipeline/gateway.ts'
import { kinds } from '../protocol/kinds.ts'
import type { RefusalCode } from '../rejections.ts'
import { readBody } from './read-body.ts'
import { refusal, refusalFromMessage } from './refusal.ts'
import { json, type Reply } from './reply.ts'

/** What an HTTP front needs to take in signed events. */
export type ApiDeps = {
  readonly gateway: Gateway
  /** The address of whoever sent the request; `undefined` when it came by no socket. */
  clientIp(request: IncomingMessage | undefined): string
}

/** A request as fetch's and as node's; the latter is missing when the app is called without a socket. */
export type ApiCall = { readonly request: Request; readonly incoming: IncomingMessage | undefined }

/** Twice what the relay accepts as an event, so that its refusal is the one that is seen. */
const maxBodyBytes = 128 * 1024
const defaultWaitSeconds = 10
const maxWaitSeconds = 30

/**
 * `POST /v1/commands[?wait=seconds]`: the body is a signed command. 200 with the signed result, whatever it says;
 * 202 when it takes longer than `wait` (0 to 30, default 10); otherwise `{"error": {"code", "message"}}`.
 */
export async function postCommand(deps: ApiDeps, call: ApiCall, wait: string | undefined): Promise<Reply> {
  const waitSeconds = toWaitSeconds(wait)
  if (waitSeconds === null) {
    return refusal(400, 'INVALID_REQUEST', `wait is a whole number of seconds from 0 to ${maxWaitSeconds}`)
  }
  const body = await readJson(call.request)
  if (!body.ok) return body.reply
  const outcome = await deps.gateway.command(body.value, deps.clientIp(call.incoming), waitSeconds * 1000)
  switch (outcome.status) {
    case 'result':
      return json(200, outcome.event)
    case 'pending':
      return json(202, pendingBody(outcome.commandId))
    case 'refused':
      return refusalFromMessage(outcome.message)
  }
}

/** `POST /v1/queries`: the body is a signed query. 200 with the signed answer, or `{"error": {"code", "message"}}`. */
export async function postQuery(deps: ApiDeps, call: ApiCall): Promise<Reply> {
  const body = await readJson(call.request)
  if (!body.ok) return body.reply
  const outcome = await deps.gateway.query(body.value, deps.clientIp(call.incoming))
  switch (outcome.status) {
    case 'answer':
      return json(200, outcome.event)
    case 'refused':
      return refusalFromMessage(outcome.message)
  }
}

/** Both ways to the result: a subscription on the websocket, or the same event sent here again. */
function pendingBody(commandId: string): object {
  return { commandId, fetch: { filter: { kinds: [kinds.result], '#e': [commandId] }, resend: '/v1/commands' } }
}

function toWaitSeconds(text: string | undefined): number | null {
  if (text === undefined) return defaultWaitSeconds
  if (!/^\d{1,3}$/.test(text)) return null
  const seconds = Number(text)
  return seconds <= maxWaitSeconds ? seconds : null
}

type Json = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reply: Reply }

async function readJson(request: Request): Promise<Json> {
  if (!isPlainJson(request.headers)) {
    return no(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'send the signed event as JSON with the header content-type: application/json',
    )
  }
  const body = await readBody(request, maxBodyBytes)
  if (!body.ok) {
    if (body.reason === 'too-large') return no(413, 'TOO_LARGE', `the body has at most ${maxBodyBytes} bytes`)
    return no(400, 'INVALID_REQUEST', 'the body is not UTF-8')
  }
  try {
    return { ok: true, value: JSON.parse(body.text) }
  } catch {
    // The parser's message repeats parts of the body, which may be private.
    return no(400, 'INVALID_REQUEST', 'the body is not JSON')
  }
}

function no(status: number, code: RefusalCode, message: string): Json {
  return { ok: false, reply: refusal(status, code, message) }
}

function isPlainJson(headers: Headers): boolean {
  const [type = ''] = (headers.get('content-type') ?? '').split(';')
  return type.trim().toLowerCase() === 'application/json' && headers.get('content-encoding') === null
}
