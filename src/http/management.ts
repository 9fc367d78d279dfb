import type { Management } from '../../relay/management/management.ts'
import type { ApiCall, ApiDeps } from './api.ts'
import { readBody } from './read-body.ts'
import { refusal } from './refusal.ts'
import { json, type Reply } from './reply.ts'

/** What the management API of the relay needs. */
export type ManagementDeps = Pick<ApiDeps, 'clientIp'> & {
  readonly manage: Management
  /** Counts a request against its address, before anything about it is checked: a signature costs more than most requests. */
  mayPost(ip: string): boolean
}

const contentType = 'application/nostr+json+rpc'
/** A key and a reason; the longest text is a description. */
const maxBodyBytes = 16 * 1024

/** `POST /`: the management API of the relay (NIP-86), for its operators, who sign each request (NIP-98). */
export async function postManagement(deps: ManagementDeps, { request, incoming }: ApiCall): Promise<Reply> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== contentType || request.headers.get('content-encoding') !== null) {
    return refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `what is posted here has the header content-type: ${contentType}`)
  }
  if (!deps.mayPost(deps.clientIp(incoming))) {
    return json(429, { error: 'rate-limited: too many requests from this address, slow down' })
  }
  const body = await readBody(request, maxBodyBytes)
  if (!body.ok) {
    if (body.reason === 'too-large') return json(413, { error: `the body has at most ${maxBodyBytes} bytes` })
    return json(400, { error: 'the body is not UTF-8' })
  }
  const authorization = request.headers.get('authorization') ?? undefined
  const { status, body: answer } = await deps.manage({ authorization, body: body.text })
  return json(status, answer, status === 401 ? { 'www-authenticate': 'Nostr' } : {})
}
