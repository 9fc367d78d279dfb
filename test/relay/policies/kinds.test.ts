import { describe, expect, it } from 'vitest'
import { allowKinds, denyKinds, forKinds } from '../../../relay/policies/kinds.ts'
import { eventOf, originOf } from './events.ts'

const kinds = [1, { from: 20_000, to: 29_999 }]
const cases: [kind: number, isListed: boolean][] = [
  [0, false],
  [1, true],
  [2, false],
  [19_999, false],
  [20_000, true],
  [29_999, true],
  [30_000, false],
]

describe('policies on kinds', () => {
  it.each(cases)('know whether kind %i is listed', (kind, isListed) => {
    const [event, origin] = [eventOf({ kind }), originOf()]
    const message = `blocked: this relay does not take kind ${kind}`
    expect(allowKinds(kinds)(event, origin)).toBe(isListed ? null : message)
    expect(denyKinds(kinds)(event, origin)).toBe(isListed ? message : null)
    expect(forKinds(kinds, () => 'blocked: no')(event, origin)).toBe(isListed ? 'blocked: no' : null)
  })
})
