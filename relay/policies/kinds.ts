import type { Policy } from './policy.ts'

/** Kinds one by one, and ranges with both ends in them. */
export type Kinds = readonly (number | { readonly from: number; readonly to: number })[]

/** Only events of these kinds. */
export function allowKinds(kinds: Kinds): Policy {
  const isOneOf = kindsMatcher(kinds)
  return ({ kind }) => (isOneOf(kind) ? null : `blocked: this relay does not take kind ${kind}`)
}

/** No events of these kinds. */
export function denyKinds(kinds: Kinds): Policy {
  const isOneOf = kindsMatcher(kinds)
  return ({ kind }) => (isOneOf(kind) ? `blocked: this relay does not take kind ${kind}` : null)
}

/** A policy that has a say in events of these kinds only. */
export function forKinds(kinds: Kinds, policy: Policy): Policy {
  const isOneOf = kindsMatcher(kinds)
  return (event, origin) => (isOneOf(event.kind) ? policy(event, origin) : null)
}

/** Whether a kind is one of these. */
export function kindsMatcher(kinds: Kinds): (kind: number) => boolean {
  const single = new Set<number>()
  const ranges: { from: number; to: number }[] = []
  for (const entry of kinds) {
    if (typeof entry === 'number') single.add(entry)
    else ranges.push(entry)
  }
  return kind => single.has(kind) || ranges.some(({ from, to }) => kind >= from && kind <= to)
}
