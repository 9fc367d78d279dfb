import { type Kinds, kindsMatcher } from '../policies/kinds.ts'
import type { Filter } from '../query/filter.ts'
import { type Remover, removeEvents } from './remove-events.ts'
import { storedKinds } from './stored-kinds.ts'

/** Events of these kinds, or of all, are removed when their `created_at` is so many seconds ago. */
export type RetentionRule = { readonly kinds?: Kinds | undefined; readonly maxAgeSeconds: number }

/** Removes what no rule lets stay, once; says how many. A kind that several rules name stays for the shortest time. */
export async function sweepByAge(
  rules: readonly RetentionRule[],
  remover: Remover,
  signal?: AbortSignal,
): Promise<number> {
  const limit = Number.MAX_SAFE_INTEGER
  let removed = 0
  for (const { kinds, maxAgeSeconds } of rules) {
    const until = remover.now() - maxAgeSeconds
    if (until < 0) continue
    const isOfRule = kinds === undefined ? null : kindsMatcher(kinds)
    // One at a time: there may be more kinds than a query has cursors for.
    for (const kind of storedKinds(remover.store)) {
      if (signal?.aborted) return removed
      if (isOfRule !== null && !isOfRule(kind)) continue
      const filter: Filter = { kinds: [kind], tags: new Map(), until, limit }
      removed += (await removeEvents(filter, remover, signal === undefined ? {} : { signal })).removed
    }
  }
  return removed
}

/** Sweeps every so often until stopped. `stop` resolves when nothing is under way. */
export function startRetention(options: {
  rules: readonly RetentionRule[]
  remover: Remover
  everyMs: number
  mayRemove(): boolean
  onRemoved(count: number): void
  onError(error: unknown): void
}): { stop(): Promise<void> } {
  const { rules, remover, everyMs, mayRemove, onRemoved, onError } = options
  const stopping = new AbortController()
  let sweeping: Promise<void> | null = null
  const sweep = () => {
    if (!mayRemove()) return
    sweeping ??= sweepByAge(rules, remover, stopping.signal)
      .then(onRemoved, onError)
      .finally(() => {
        sweeping = null
      })
  }
  const timer = rules.length === 0 ? undefined : setInterval(sweep, everyMs)
  timer?.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      stopping.abort()
      await sweeping
    },
  }
}
