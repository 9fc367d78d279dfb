/** Which of the node's `xpay` commands may still be trying, although nobody hears of them any more. */
export type Runs = {
  /** Marks an invoice as being paid, so that nobody else begins meanwhile. */
  begin(bolt11: string): Run
  /** Whether no command can be trying to pay this invoice, of which the node began a try at that time (Unix seconds). */
  isOver(bolt11: string, triedAt: number): boolean
}

export type Run = {
  /** Whether the node may be asked to pay now; not while an earlier run is under way. */
  readonly mayAsk: boolean
  /** The same as of `Runs`, as it was before this run. */
  isOver(bolt11: string, triedAt: number): boolean
  /** The node has answered: its command has ended. */
  end(): void
  /** The node was not asked. */
  undo(): void
}

/** More than clocks differ, and than the node takes from its last try to its answer. */
const marginSeconds = 60

/** `retrySeconds` is how long a command tries; then it begins no new try. */
export function createRuns(retrySeconds: number, now: () => number): Runs {
  const begun = new Map<string, { readonly at: number; hasEnded: boolean }>()
  /** Until then another process may have begun a command, of which nothing need be listed yet. */
  const startedAt = now()
  const isPast = (at: number) => at + retrySeconds + marginSeconds <= now()
  const isOver = (bolt11: string, triedAt: number) => {
    const run = begun.get(bolt11.toLowerCase())
    return run === undefined || isPast(run.at) ? isPast(Math.max(triedAt, startedAt)) : run.hasEnded
  }

  return {
    isOver,
    begin: bolt11 => {
      const invoice = bolt11.toLowerCase()
      // After this time the node's own list says enough.
      for (const [key, { at }] of begun) if (isPast(at)) begun.delete(key)
      const before = begun.get(invoice)
      if (before?.hasEnded === false) {
        return { mayAsk: false, isOver, end: () => undefined, undo: () => undefined }
      }
      const run = { at: now(), hasEnded: false }
      begun.set(invoice, run)
      return {
        mayAsk: true,
        isOver: (_bolt11, triedAt) => before !== undefined || isPast(triedAt),
        end: () => {
          run.hasEnded = true
        },
        undo: () => {
          if (before === undefined) begun.delete(invoice)
          else begun.set(invoice, before)
        },
      }
    },
  }
}
