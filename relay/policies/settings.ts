import type { Kinds } from './kinds.ts'

/** A policy as an operator writes it down. Keys are in lower-case hex; rates are for clients only, not for imports. */
export type PolicySettings = PlainSettings | AllSettings | AnySettings

/** Takes what one of them takes. */
export type AnySettings = { readonly type: 'any'; readonly of: readonly (PlainSettings | AllSettings)[] }

/** Takes what all of them take: a list within `any`. */
export type AllSettings = { readonly type: 'all'; readonly of: readonly PlainSettings[] }

/** Where a policy has `forKinds`, it has a say in these kinds only. */
export type PlainSettings = (
  | { readonly type: 'allow-authors'; readonly authors: readonly string[] }
  | { readonly type: 'deny-authors'; readonly authors: readonly string[] }
  | { readonly type: 'allow-kinds'; readonly kinds: Kinds }
  | { readonly type: 'deny-kinds'; readonly kinds: Kinds }
  | {
      readonly type: 'rate'
      readonly per: 'key' | 'ip' | 'connection'
      readonly perMinute: number
      /** How many may come at once; by default, as many as in a minute. */
      readonly burst?: number | undefined
    }
  /** NIP-13; with `strangersOnly`, of keys that the application does not know. */
  | { readonly type: 'pow'; readonly bits: number; readonly strangersOnly?: boolean | undefined }
  | { readonly type: 'members' }
  | { readonly type: 'tags'; readonly max: number; readonly name?: string | undefined }
  | { readonly type: 'words'; readonly words: readonly string[] }
) & { readonly forKinds?: Kinds | undefined }
