/** A part of the time that a synchronisation is about, in Unix seconds, both ends included; `null` is without end. */
export type Window = { readonly since: number; readonly until: number | null }

/** Halves a window that holds too much, the later half last; `null` when it is one second. Without end it is cut now. */
export function halve({ since, until }: Window, now: number): readonly [Window, Window] | null {
  const middle = until === null ? Math.max(since, now) : Math.floor((since + until) / 2)
  if (until !== null && middle >= until) return null
  return [
    { since, until: middle },
    { since: middle + 1, until },
  ]
}
