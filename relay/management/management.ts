import type { Authorized } from './http-auth.ts'
import type { Managed } from './managed.ts'
import type { Method } from './management-params.ts'

/** A request of the management API (NIP-86) as it came over HTTP. */
export type ManagementRequest = { readonly authorization: string | undefined; readonly body: string }
/** The HTTP answer: a status, and a JSON object. */
export type ManagementReply = { readonly status: 200 | 400 | 401 | 403 | 503; readonly body: object }

/** Answers requests; one that is not an operator's own learns nothing but that. */
export type Management = (request: ManagementRequest) => Promise<ManagementReply>

/** So many requests of operators may be under way at once. */
const maxUnderWay = 100
/** Used authorizations are remembered for longer than they are good, should the clock be set back. */
const keptSeconds = 600
const isReading = /^(list|supported)/

/** Makes it. Changes are told to `changed`: who, what and about whom, never what was said about them. */
export function createManagement(options: {
  authorize(authorization: string | undefined, body: string): Authorized
  isOperator(pubkey: string): boolean
  methods: Readonly<Record<string, Method>>
  managed: Managed
  changed(fields: { method: string; operator: string; subject: string | number | null }): void
  now(): number
  onError(error: unknown): void
}): Management {
  const { authorize, isOperator, methods, managed, changed, now, onError } = options
  const supported = Object.keys(methods)
  /** Ids of authorizations in use, until what they asked for is durable, and they with it. */
  const inUse = new Map<string, number>()
  let underWay = 0

  /** Whether an authorization was used before; from now on it was. */
  const isReplay = (id: string, goodUntil: number): boolean => {
    const used = managed.get('used-authorizations')
    for (const [old, until] of inUse) if (until + keptSeconds < now()) inUse.delete(old)
    if (inUse.has(id) || used.has(id)) return true
    inUse.set(id, goodUntil)
    return false
  }

  /** Durable before what it is for: else a crash would make it good again. */
  const remember = async (id: string, goodUntil: number): Promise<void> => {
    const used = [...managed.get('used-authorizations')]
    const over = used.filter(([, until]) => Number(until) + keptSeconds < now())
    await managed.change([
      { list: 'used-authorizations', subject: id, note: String(goodUntil) },
      ...over.map(([subject]) => ({ list: 'used-authorizations' as const, subject, note: null })),
    ])
  }

  const call = async (request: Request, by: string, authorization: { id: string; goodUntil: number }) => {
    if (request.method === 'supportedmethods') return reply(200, { result: supported })
    const run = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined
    if (run === undefined) return reply(200, { error: 'there is no such method here; see supportedmethods' })
    if (isReading.test(request.method)) return reply(200, await run(request.params, by))
    const { id, goodUntil } = authorization
    if (isReplay(id, goodUntil)) return reply(401, { error: 'auth-required: this authorization was used before' })
    await remember(id, goodUntil)
    const outcome = await run(request.params, by)
    if (!('error' in outcome)) changed({ method: request.method, operator: by, subject: subjectOf(request) })
    return reply(200, outcome)
  }

  return async ({ authorization, body }) => {
    const authorized = authorize(authorization, body)
    if (!authorized.ok) return reply(401, { error: `auth-required: ${authorized.reason}` })
    const { pubkey, id, goodUntil } = authorized
    if (!isOperator(pubkey)) return reply(403, { error: 'restricted: this is for the operators of the relay' })
    const request = readRequest(body)
    if (request === null) return reply(400, { error: 'the body is {"method": "…", "params": […]}' })
    if (underWay >= maxUnderWay) return reply(503, { error: 'error: too many requests are under way' })
    underWay++
    try {
      return await call(request, pubkey, { id, goodUntil })
    } catch (error) {
      onError(error)
      return reply(503, { error: 'error: this could not be done now; it may or may not have been' })
    } finally {
      underWay--
    }
  }
}

type Request = { readonly method: string; readonly params: readonly unknown[] }

function reply(status: ManagementReply['status'], body: object): ManagementReply {
  return { status, body }
}

function readRequest(body: string): Request | null {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || !('method' in value)) return null
    const params = 'params' in value ? value.params : []
    return typeof value.method === 'string' && Array.isArray(params) ? { method: value.method, params } : null
  } catch {
    return null
  }
}

/** A key, an id, a kind or an address. What a relay is called from now on is content. */
function subjectOf({ method, params }: { method: string; params: readonly unknown[] }): string | number | null {
  const [first] = params
  if (method.startsWith('changerelay')) return null
  return typeof first === 'string' || typeof first === 'number' ? first : null
}
