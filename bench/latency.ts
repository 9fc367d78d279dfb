/** How long things took, in milliseconds, as the percentiles that are reported. */
export type Latency = { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }

/** The percentiles of a list of durations. Throws on an empty one: nothing was measured. */
export function latencyOf(durationsMs: readonly number[]): Latency {
  const sorted = Float64Array.from(durationsMs).sort()
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  if (sorted.length === 0) throw new Error('nothing was measured')
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
