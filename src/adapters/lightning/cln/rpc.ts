import { z } from 'zod'
import { ask, readAnswer } from '../http-client.ts'
import { nodeTarget } from '../node-target.ts'
import { LightningUnavailable } from '../port.ts'

/** What the node answered: the result, or a refusal by its code. A refusal's text may quote what was sent: it is dropped. */
export type RpcAnswer<Result> =
  | { readonly status: 'done'; readonly result: Result }
  | { readonly status: 'refused'; readonly code: number }

/** The methods of a node, called over CLNRest. */
export type Rpc = {
  /** Throws `LightningUnavailable` when there is no answer, or none that the node documents. */
  call<Schema extends z.ZodType>(
    method: string,
    parameters: Readonly<Record<string, unknown>>,
    result: Schema,
    signal: AbortSignal,
  ): Promise<RpcAnswer<z.output<Schema>>>
  /** The same for what a node has no reason to refuse: throws `LightningUnavailable` when it does. */
  read<Schema extends z.ZodType>(
    method: string,
    parameters: Readonly<Record<string, unknown>>,
    result: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>>
  close(): void
}

/** Codes of refusals (Core Lightning, common/jsonrpc_errors.h, and lightning-checkrune). */
export const refusals = {
  unknownMethod: -32_601,
  invalidParameters: -32_602,
  labelExists: 900,
  preimageExists: 901,
  waitTimedOut: 904,
  runeUnknown: 1_501,
  runeForbids: 1_502,
  runeBlacklisted: 1_503,
} as const

/** An amount as every `_msat` field has it: a whole number, and one that JavaScript holds exactly. */
export const msat = z.int().nonnegative()
export const hash = z.string().regex(/^[0-9a-f]{64}$/)

const refusal = z.object({ code: z.int() })
/** CLNRest in Python, up to v24.11, wraps the refusals of runes (doc/developers-guide, rest.md). */
const anyRefusal = z.union([refusal, z.object({ error: refusal }).transform(({ error }) => error)])

/** Throws when the URL or certificate cannot be one. */
export function createRpc({ rune, ...node }: { url: string; rune: string; certificate?: string }): Rpc {
  const target = nodeTarget('Core Lightning', node, { rune })
  const closing = new AbortController()

  const call: Rpc['call'] = async (method, parameters, result, signal) => {
    if (closing.signal.aborted) throw new LightningUnavailable('the connection to the node is closed')
    const request = { method: 'POST', path: `/v1/${method}`, json: parameters } as const
    const answer = await ask(target, request, AbortSignal.any([signal, closing.signal]))
    // CLNRest answers 201 (doc/developers-guide, rest.md); a proxy before it may say 200.
    if (answer.status === 201 || answer.status === 200) {
      return { status: 'done', result: readAnswer(result, answer.body) }
    }
    const isRefusal = [401, 403, 404, 500].includes(answer.status)
    if (!isRefusal) throw new LightningUnavailable(`the node answers with status ${answer.status}`)
    return { status: 'refused', code: readAnswer(anyRefusal, answer.body).code }
  }

  return {
    call,
    read: async (method, parameters, result, signal) => {
      const answer = await call(method, parameters, result, signal)
      if (answer.status === 'refused') throw refused(method, answer.code)
      return answer.result
    },
    close: () => closing.abort(),
  }
}

/** Why a call came to nothing, for people. */
export function refused(method: string, code: number): LightningUnavailable {
  return new LightningUnavailable(`the node refuses ${method} with code ${code}`)
}
