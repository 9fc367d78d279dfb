import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closest } from '../../../src/config/problems.ts'

describe('a misspelt word', () => {
  const words = ['port', 'host', 'operators', 'unpaidHoldsPerIp']

  it.each([
    ['prot', 'port'],
    ['Port', 'port'],
    ['unpaid_holds_per_ip', 'unpaidHoldsPerIp'],
    ['operator', 'operators'],
    ['completelyDifferent', null],
  ])('%s is taken for %s', (word, meant) => {
    expect(closest(word, words)).toBe(meant)
  })

  it('is found with any one character missing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.nat(), (word, at) => {
        const index = at % word.length
        expect(closest(word.slice(0, index) + word.slice(index + 1), words)).toBe(word)
      }),
    )
  })
})
