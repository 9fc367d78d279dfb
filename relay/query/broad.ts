import type { Limits } from '../limits.ts'
import type { Filter } from './filter.ts'

/**
 * Why a filter is refused that asks for everything, as those do who copy relays, or `null`: it names no ids, authors or
 * tags, and wants many events of a long time. With the default limits nothing is refused.
 */
export function broadness(
  { ids, authors, tags, since = 0, until = Number.POSITIVE_INFINITY, limit }: Filter,
  { maxBroadLimit, maxBroadSeconds }: Pick<Limits, 'maxBroadLimit' | 'maxBroadSeconds'>,
  now: number,
): string | null {
  if (limit <= maxBroadLimit || ids !== undefined || authors !== undefined || tags.size > 0) return null
  if (Math.min(until, now) - since <= maxBroadSeconds) return null
  return `blocked: name ids, authors or tags, or ask for at most ${maxBroadLimit} events or ${maxBroadSeconds} seconds`
}
