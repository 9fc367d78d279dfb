/** What a benchmark is told. */
export type BenchOptions = {
  /** Also at a million events or names. */
  readonly million: boolean
  /** A tenth of everything, to see that it runs; the figures mean little. */
  readonly small: boolean
  /** Where the server leaves a processor profile of its measured life; without it there is none. */
  readonly profileDirectory: string | undefined
  print(line: string): void
}
