import type { z } from 'zod'
import { checkParams, type ParamsFault } from '../protocol/faults.ts'
import type { MethodDeclaration } from '../protocol/method.ts'
import type { Rejection } from '../rejections.ts'
import type { Secrets } from '../store/secrets.ts'
import type { Reader, Transactor } from '../store/transaction.ts'
import type { Context, Handled, QueryContext, Viewer } from './context.ts'

/** A handler that waits for its store and context only, or what is wrong with the params. */
export type Bound<Run> =
  | { readonly ok: true; readonly run: Run; readonly mayHoldUnpaid: boolean }
  | { readonly ok: false; readonly faults: ParamsFault[] }

/** A command or fact: its declaration, and its handler behind the check of the params. */
export type CommandMethod = {
  readonly declaration: MethodDeclaration
  bind(params: unknown): Bound<(tx: Transactor, context: Context) => Handled>
}

/** A query, which reads only. */
export type QueryMethod = {
  readonly declaration: MethodDeclaration
  bind(params: unknown): Bound<(reader: Reader, context: QueryContext) => object | Rejection>
}

/** What a call knows; `callId` is the same when it comes again. */
export type CallContext = Viewer & { readonly callId: string; readonly reader: Reader }

/** A call: changes what is kept beside the log, in the writer's transaction, and is answered like a query. */
export type CallMethod = {
  readonly declaration: MethodDeclaration
  bind(params: unknown): Bound<(secrets: Secrets, context: CallContext) => object | Rejection>
}

/** Defines a command or a fact: declaration and handler in one place. */
export function defineCommand<Params extends z.ZodType>(
  method: MethodDeclaration<Params> & {
    type: 'command' | 'fact'
    /** Whether such params may hold something for an order that is not paid yet; those are rationed by address. */
    mayHoldUnpaid?: (params: z.infer<Params>) => boolean
    handle(params: z.infer<Params>, tx: Transactor, context: Context): Handled
  },
): CommandMethod {
  const { handle, mayHoldUnpaid = () => false, ...declaration } = method
  return { declaration, bind: params => bind(method.params, params, handle, mayHoldUnpaid) }
}

/** Defines a query: declaration and handler in one place. */
export function defineQuery<Params extends z.ZodType>(
  method: MethodDeclaration<Params> & {
    type: 'query'
    answer(params: z.infer<Params>, reader: Reader, context: QueryContext): object | Rejection
  },
): QueryMethod {
  const { answer, ...declaration } = method
  return { declaration, bind: params => bind(method.params, params, answer, () => false) }
}

/** Defines a call: declaration and handler in one place. */
export function defineCall<Params extends z.ZodType>(
  method: MethodDeclaration<Params> & {
    type: 'call'
    perform(params: z.infer<Params>, secrets: Secrets, context: CallContext): object | Rejection
  },
): CallMethod {
  const { perform, ...declaration } = method
  return { declaration, bind: params => bind(method.params, params, perform, () => false) }
}

function bind<Params extends z.ZodType, Store, Ctx, Out>(
  schema: Params,
  params: unknown,
  handler: (params: z.infer<Params>, store: Store, context: Ctx) => Out,
  mayHoldUnpaid: (params: z.infer<Params>) => boolean,
): Bound<(store: Store, context: Ctx) => Out> {
  const checked = checkParams(schema, params)
  if (!checked.ok) return checked
  const { params: right } = checked
  return { ok: true, run: (store, context) => handler(right, store, context), mayHoldUnpaid: mayHoldUnpaid(right) }
}
