import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bugs } from './bugs.ts'
import { openStage, type Stage } from './seed.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

describe('a simulated world', () => {
  // 50 has the real curve.
  it.each([1, 2, 3, 50])('breaks no rule in seed %i', async seed => {
    const { violations, entries } = await stage.run(seed, 120)
    expect(violations).toEqual([])
    expect(entries).toBeGreaterThan(10)
  })

  it('is the same again for the same seed, and another for another', async () => {
    const first = await stage.run(7, 150)
    await stage.run(8, 50)
    expect(await stage.run(7, 150)).toEqual(first)
    expect((await stage.run(9, 150)).logHash).not.toBe(first.logHash)
  })
})

it.each(bugs)('can be given the bug: $name', ({ changes }) => {
  for (const { file, find } of changes) {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    expect(source.split(find)).toHaveLength(2)
  }
})
