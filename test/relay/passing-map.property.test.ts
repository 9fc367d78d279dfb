import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPassingMap } from '../../relay/passing-map.ts'

const key = fc.constantFrom('a', 'b', 'c')
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, value: fc.nat({ max: 9 }) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
)

it('is a map to all who use it', () => {
  fc.assert(
    fc.property(fc.array(step), steps => {
      const passing = createPassingMap<string, number>()
      const model = new Map<string, number>()
      for (const one of steps) {
        if (one.kind === 'set') {
          passing.set(one.key, one.value)
          model.set(one.key, one.value)
        } else {
          passing.delete(one.key)
          model.delete(one.key)
        }
        expect(passing.size()).toBe(model.size)
        expect([...passing.keys()]).toEqual([...model.keys()])
        expect([...passing.values()]).toEqual([...model.values()])
        for (const name of ['a', 'b', 'c']) expect(passing.get(name)).toBe(model.get(name))
      }
    }),
  )
})
