import type { z } from 'zod'

/** Who may call a method. `owner`-like conditions depend on state and are the handler's. */
export type Caller = 'anyone' | 'customer' | 'staff' | 'operator' | 'service'

/** A method as the protocol knows it: everything but what it does. */
export type MethodDeclaration<Params extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> = {
  /** `noun.verb` */
  readonly name: string
  /** A `call` travels like a query and is never in the log, but changes what is kept beside it: secrets. */
  readonly type: 'command' | 'query' | 'fact' | 'call'
  readonly caller: Caller
  /** What goes in and out is encrypted (`private`), what comes out is (`sealed`), or nothing is (`public`). */
  readonly privacy: 'private' | 'sealed' | 'public'
  readonly summary: string
  readonly params: Params
  readonly result: Result
}

/** The status a result carries. */
export type ResultStatus = 'ok' | 'payment-required' | 'error'
