import { describe, expect, it } from 'vitest'
import { preventManyTags } from '../../../relay/policies/tags.ts'
import { eventOf, originOf } from './events.ts'

const event = eventOf({ tags: [['p', 'a'], ['p', 'b'], ['t', 'c'], ['p']] })

describe('a limit of tags', () => {
  it.each([
    [preventManyTags(4), null],
    [preventManyTags(3), 'blocked: this relay takes at most 3 tags'],
    [preventManyTags(3, 'p'), null],
    [preventManyTags(2, 'p'), 'blocked: this relay takes at most 2 tags "p"'],
    [preventManyTags(0, 'q'), null],
    [preventManyTags(0, '__proto__'), null],
  ])('counts all, or those of a name', (policy, message) => {
    expect(policy(event, originOf())).toBe(message)
  })
})
