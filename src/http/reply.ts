/** A response before it is written, by Hono or straight to node's socket. */
export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Who may read a reply from a web page: everyone. On every reply, refusals and errors included (NIP-05, NIP-11). */
export const corsHeaders = { 'access-control-allow-origin': '*' } as const

/** JSON that no cache keeps. */
export function json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return {
    status,
    headers: { ...corsHeaders, 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  }
}

/** A reply as fetch's Response. Plain headers keep the server from building a Headers object. */
export function toResponse({ status, headers, body }: Reply): Response {
  return new Response(body, { status, headers: { ...headers } })
}
