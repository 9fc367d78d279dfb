import { type Filter, parseFilter } from '../../relay/query/filter.ts'

type Checked = { readonly ok: true; readonly filter: Filter } | { readonly ok: false; readonly reason: string }

/** An operator may ask for more than a client. */
const limits = { maxLimit: Number.MAX_SAFE_INTEGER, maxValues: 100_000, maxTagKeys: 52 }

/**
 * Checks a filter (NIP-01) as an operator gave it; without `limit` it is for all. `search` (NIP-50) is refused: it ends
 * when it has looked at enough, which is no good where all has to be found.
 */
export function operatorsFilter(value: unknown): Checked {
  return parseFilter(value, limits)
}

/** Reads a filter from an argument. */
export function readFilter(text: string): Checked {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, reason: 'it is not JSON' }
  }
  return operatorsFilter(value)
}

/** Unix seconds or a count, or `null` for what is neither. */
export function wholeNumber(text: string): number | null {
  return /^\d{1,14}$/.test(text) ? Number(text) : null
}

/** Narrows a filter to times: the later `since` and the earlier `until` hold. */
export function within(filter: Filter, times: { since?: number | undefined; until?: number | undefined }): Filter {
  const since = Math.max(filter.since ?? 0, times.since ?? 0)
  const until = Math.min(filter.until ?? Number.MAX_SAFE_INTEGER, times.until ?? Number.MAX_SAFE_INTEGER)
  return { ...filter, since, until }
}
