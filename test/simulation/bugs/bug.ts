/** One place in the source, and what would stand there. */
type Change = { readonly file: string; readonly find: string; readonly replace: string }

/** A mistake that others have made, or that is easily made, as changes to the source. */
export type Bug = {
  readonly name: string
  /** What the sentence of the invariant that should catch it says. */
  readonly caughtBy: RegExp
  readonly changes: readonly Change[]
}
