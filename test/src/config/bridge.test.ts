import { describe, expect, it } from 'vitest'
import { isBridging, reachesCustomers } from '../../../src/bridge/settings.ts'
import { loadConfig } from '../../../src/config.ts'

/** The configuration of other relays, as a variable has it; or what is wrong with it. */
function bridgeOf(variables: Record<string, string>) {
  const loaded = loadConfig({ env: variables, flags: {} })
  if (loaded.ok) return loaded.config.bridge
  return loaded.problems.map(problem => JSON.stringify(problem)).join()
}
const relays = (list: unknown) => bridgeOf({ PANDA_BRIDGE_RELAYS: JSON.stringify(list) })

describe('other relays', () => {
  it('are both read and written unless said otherwise', () => {
    expect(relays([{ url: 'wss://a.example' }, { url: 'ws://10.0.0.1:7777', write: false }])).toMatchObject({
      relays: [
        { url: 'wss://a.example', read: true, write: true },
        { url: 'ws://10.0.0.1:7777', read: true, write: false },
      ],
    })
  })

  it.each([
    ['https://a.example', 'a ws:// or wss:// URL'],
    ['wss://user:secret@a.example', 'a ws:// or wss:// URL'],
    ['a.example', 'a ws:// or wss:// URL'],
  ])('are not %s', (url, expected) => {
    const said = relays([{ url }])
    expect(said).toContain(expected)
    expect(said).not.toContain('secret')
  })

  it('are each there once', () => {
    expect(relays([{ url: 'wss://a.example' }, { url: 'wss://A.example/' }])).toContain('each relay once')
  })
})

describe('the bridge', () => {
  it.each([
    [{}, false, false],
    [{ PANDA_BRIDGE_RELAYS: '[{"url":"wss://a.example"}]' }, true, true],
    [{ PANDA_BRIDGE_RELAYS: '[{"url":"wss://a.example"}]', PANDA_BRIDGE_CUSTOMER_RELAYS: 'never' }, true, false],
    [{ PANDA_BRIDGE_CUSTOMER_RELAYS: 'always' }, true, true],
  ])('with %j: is there %s, and goes to customers %s', (variables, bridging, customers) => {
    const config = bridgeOf(variables)
    if (typeof config === 'string') throw new Error(config)
    expect(isBridging(config)).toBe(bridging)
    expect(reachesCustomers(config)).toBe(customers)
  })
})
