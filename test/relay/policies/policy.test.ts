import { describe, expect, it } from 'vitest'
import { allOf, anyOf, type Policy } from '../../../relay/policies/policy.ts'
import { eventOf, originOf } from './events.ts'

const asked: string[] = []
const says =
  (message: string | null): Policy =>
  () => {
    asked.push(String(message))
    return message
  }
const outcomeOf = (policy: Policy) => {
  asked.length = 0
  return [policy(eventOf(), originOf()), ...asked]
}

describe('policies', () => {
  it.each<[string, Policy, unknown[]]>([
    ['all of none take', allOf([]), [null]],
    ['all of one is that one', allOf([says('a')]), ['a', 'a']],
    ['all take', allOf([says(null), says(null)]), [null, 'null', 'null']],
    ['the first refusal wins', allOf([says(null), says('a'), says('b')]), ['a', 'null', 'a']],
    ['any that takes is enough', anyOf([says('a'), says(null), says('b')]), [null, 'a', 'null']],
    [
      'any refuses when all do, and tells of each way in',
      anyOf([says('pow: a'), says('restricted: b')]),
      ['pow: a; or b', 'pow: a', 'restricted: b'],
    ],
    ['any of none takes', anyOf([]), [null]],
  ])('%s', (_name, policy, outcome) => {
    expect(outcomeOf(policy)).toEqual(outcome)
  })
})
