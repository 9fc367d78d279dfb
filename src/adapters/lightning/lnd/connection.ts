import { z } from 'zod'
import { timeLimit } from '../../time-limit.ts'
import { ask, askForLines, type HttpRequest, type HttpTarget, readAnswer } from '../http-client.ts'
import { LightningUnavailable } from '../port.ts'
import { type Refusal, refusalSchema, unexpected } from './refusals.ts'

/** The way to LND. Everything throws `LightningUnavailable` when there is no answer, and once it is closed. */
export type LndConnection = {
  /** What LND answers, a refusal included. */
  call<Schema extends z.ZodType>(
    schema: Schema,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<{ readonly answer: z.output<Schema> } | { readonly refusal: Refusal }>
  /** The same where a refusal is not expected. Throws `LightningUnavailable` for one. */
  demand<Schema extends z.ZodType>(schema: Schema, request: HttpRequest, signal: AbortSignal): Promise<z.output<Schema>>
  /** The messages of an answer that goes on; a refusal is the last. */
  stream<Schema extends z.ZodType>(
    schema: Schema,
    request: HttpRequest,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly answer: z.output<Schema> } | { readonly refusal: Refusal }, void, void>
  close(): void
}

/** What a streaming call sends, line by line; before the first message a refusal may come as in other calls. */
const lineSchema = z.union([
  z.object({ result: z.looseObject({}) }),
  z.object({ error: refusalSchema }).transform(({ error }) => error),
  refusalSchema,
])

/** `answerMs`: how long a call may take whose answer does not go on, whoever waits for it. */
export function connectToLnd(target: HttpTarget, answerMs: number): LndConnection {
  const closing = new AbortController()
  const open = (signal: AbortSignal) => {
    if (closing.signal.aborted) throw new LightningUnavailable('the connection to lnd was closed')
    return AbortSignal.any([signal, closing.signal])
  }

  const call: LndConnection['call'] = async (schema, request, signal) => {
    const { status, body } = await ask(target, request, AbortSignal.any([open(signal), timeLimit(answerMs)]))
    if (status === 200) return { answer: readAnswer(schema, body) }
    // A proxy before LND answers with pages of its own: those are no refusals of LND's.
    return { refusal: readAnswer(refusalSchema, body) }
  }

  return {
    call,
    demand: async (schema, request, signal) => {
      const said = await call(schema, request, signal)
      if ('refusal' in said) throw unexpected(said.refusal)
      return said.answer
    },
    stream: async function* (schema, request, signal) {
      for await (const line of askForLines(target, request, open(signal), { refusals: true })) {
        const said = readAnswer(lineSchema, line)
        if (!('result' in said)) return yield { refusal: said }
        const { result } = readAnswer(z.object({ result: schema }), line) as { result: z.output<typeof schema> }
        yield { answer: result }
      }
    },
    close: () => closing.abort(),
  }
}
