/** What a benchmark is told. */
export type BenchOptions = {
  /** Also at a million events or names. */
  readonly million: boolean
  /** A tenth of everything, to see that it runs; the figures mean little. */
  readonly small: boolean
  /** Where the server leaves a processor profile of its measured life; without it there is none. */
  readonly profileDirectory: string | undefined
  /** Instead of our server, a relay that runs already on this machine. */
  readonly other: OtherRelay | undefined
  /** Which parts to run; without it all. */
  readonly only: readonly string[] | undefined
  print(line: string): void
}

/** A relay that somebody else has started, empty. */
export type OtherRelay = { readonly url: string; readonly port: number; readonly path: string; readonly pid: number }
