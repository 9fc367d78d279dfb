import { equal } from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import { play, type Step } from './timeline.ts'

const works = (name: string): Step => ({ name, run: async () => `${name} seen` })
const fails: Step = {
  name: 'pay',
  run: () => Promise.reject(new Error('the wallet is empty')),
}
const differs: Step = { name: 'count', run: async () => String(equal(1, 2, 'the number of names')) }
const hangs: Step = { name: 'wait', run: () => new Promise(() => undefined) }

describe('a timeline', () => {
  it.each<[string, Step[], boolean, string, string[]]>([
    ['well', [works('a'), works('b')], true, 'demo: 2 steps, all well', ['a', 'a seen', 'b', 'b seen']],
    [
      'at the first failure',
      [works('a'), fails, works('c')],
      false,
      'demo: step 2 failed, pay: the wallet is empty',
      ['a', 'a seen', 'pay  FAILED'],
    ],
    [
      'with what was seen',
      [differs],
      false,
      'demo: step 1 failed, count: the number of names (saw 1 instead of 2)',
      ['FAILED'],
    ],
    ['when the time is over', [hangs, works('b')], false, 'demo: step 1 failed, wait: too long', ['wait  FAILED']],
  ])('ends %s', async (_, steps, ok, summary, shown) => {
    const lines: string[] = []
    const limit = new AbortController()
    const playing = play(steps, { print: line => lines.push(line), nowMs: () => 0, signal: limit.signal })
    setImmediate(() => limit.abort(new Error('too long')))
    expect(await playing).toEqual({ ok, summary })
    expect(lines.length).toBe(shown.length)
    for (const [index, text] of shown.entries()) expect(lines[index]).toContain(text)
  })
})
