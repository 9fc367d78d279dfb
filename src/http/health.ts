import { corsHeaders, json, type Reply } from './reply.ts'

/** One thing that has to work before requests are worth sending here. `detail` is public. */
export type Check = { readonly name: string; readonly ok: boolean; readonly detail: string }

/** `GET /healthz`: 200 while the process can answer at all; a supervisor restarts it when it cannot. */
export function health(): Reply {
  return {
    status: 200,
    headers: { ...corsHeaders, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: 'ok\n',
  }
}

/** `GET /readyz`: 200 when every check passes, otherwise 503; the checks in both cases. */
export function readinessReply(checks: readonly Check[]): Reply {
  const ready = checks.every(check => check.ok)
  return json(ready ? 200 : 503, { ready, checks })
}
