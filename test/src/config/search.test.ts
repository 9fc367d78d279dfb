import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'

function kindsOf(text?: string): unknown {
  const env = text === undefined ? {} : { PANDA_RELAY_SEARCH_KINDS: text }
  const loaded = loadConfig({ file: undefined, env, flags: {} })
  return loaded.ok ? loaded.config.relay.search.kinds : loaded.problems
}

describe('relay.search.kinds', () => {
  it('are profiles and articles, those that are named, or none', () => {
    expect(kindsOf()).toEqual([0, 30_023])
    expect(kindsOf('[0, 1, 65535]')).toEqual([0, 1, 65_535])
    expect(kindsOf('[]')).toEqual([])
  })

  it.each([
    ['[-1]', /a kind that is stored/],
    ['[65536]', /a kind that is stored/],
    ['[1.5]', /a kind that is stored/],
    ['["1"]', /a kind that is stored/],
    ['[20000]', /a kind that is stored/],
    [JSON.stringify(Array.from({ length: 101 }, (_, index) => index)), /at most 100 kinds/],
  ])('are not %s', (text, message) => {
    expect(kindsOf(text)).toMatchObject([{ expected: expect.stringMatching(message) }])
  })
})
