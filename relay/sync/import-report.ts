/** What came of an import. */
export type ImportReport = {
  /** Lines that were read, empty ones included. */
  readonly lines: number
  readonly added: number
  /** Events that were here already. */
  readonly duplicates: number
  readonly skipped: number
  /** Why lines were skipped, with the numbers of the first few of each. */
  readonly reasons: readonly { readonly reason: string; readonly count: number; readonly lines: readonly number[] }[]
  /** Why it ended before the end of what there was to read, or `null`. */
  readonly stopped: string | null
}

/** Counts what an import comes to. */
export type ImportTally = {
  line(): void
  added(): void
  duplicate(): void
  skip(reason: string, line: number): void
  stop(reason: string): void
  report(): ImportReport
}

const linesPerReason = 5
/** Messages are the relay's own, but nobody promises that there are few. */
const maxReasons = 50
const others = 'other reasons'

/** Makes the tally. */
export function createImportTally(): ImportTally {
  const reasons = new Map<string, { count: number; lines: number[] }>()
  let lines = 0
  let added = 0
  let duplicates = 0
  let skipped = 0
  let stopped: string | null = null
  return {
    line: () => {
      lines++
    },
    added: () => {
      added++
    },
    duplicate: () => {
      duplicates++
    },
    skip: (reason, line) => {
      skipped++
      const name = reasons.has(reason) || reasons.size < maxReasons ? reason : others
      const entry = reasons.get(name) ?? { count: 0, lines: [] }
      reasons.set(name, entry)
      entry.count++
      if (entry.lines.length < linesPerReason) entry.lines.push(line)
    },
    stop: reason => {
      stopped ??= reason
    },
    report: () => ({
      lines,
      added,
      duplicates,
      skipped,
      reasons: [...reasons]
        .map(([reason, { count, lines: first }]) => ({ reason, count, lines: [...first] }))
        .sort((a, b) => b.count - a.count),
      stopped,
    }),
  }
}
