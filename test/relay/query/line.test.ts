import { describe, expect, it } from 'vitest'
import { createLine } from '../../../relay/query/line.ts'

/** Joins with names; `end` ends one that has begun. */
function open(atOnce: number) {
  const line = createLine(atOnce)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const join = (name: string) =>
    line.join(() => {
      begun.push(name)
      return new Promise(resolve => ends.set(name, resolve))
    })
  const end = async (name: string) => {
    ends.get(name)?.()
    await new Promise(setImmediate)
  }
  return { line, begun, join, end }
}

describe('a line of queries', () => {
  it('has so many under way, and the others in their order after them', async () => {
    const { begun, join, end } = open(2)
    for (const name of ['a', 'b', 'c', 'd']) join(name)
    expect(begun).toEqual(['a', 'b'])
    await end('b')
    expect(begun).toEqual(['a', 'b', 'c'])
    await end('a')
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
  })

  it('never begins with one that has left', async () => {
    const { line, begun, join, end } = open(1)
    const leaveA = join('a')
    const leaveB = join('b')
    join('c')
    expect([leaveA(), leaveB(), leaveB()]).toEqual([false, true, false])
    await end('a')
    expect(begun).toEqual(['a', 'c'])
    expect(line.isFree()).toBe(false)
    await end('c')
    expect(line.isFree()).toBe(true)
  })
})
