import { describe, expect, it } from 'vitest'
import type { Origin } from '../../../relay/host.ts'
import { createRations, type Rations } from '../../../src/pipeline/rations.ts'

const one = {
  requestsPerIpPerMinute: 1,
  postsPerIpPerMinute: 1,
  commandsPerKeyPerMinute: 1,
  commandsPerIpPerMinute: 1,
  refusalsPerKeyPerDay: 1,
  refusalsPerIpPerDay: 1,
  decryptionsPerConnectionPerMinute: 1,
  decryptionsPerIpPerMinute: 1,
  decryptionsPerSecond: 1,
  storedBytesPerKeyPerDay: 1,
  storedBytesPerIpPerDay: 1,
}

describe('rations', () => {
  it('tell of each refusal by the name of the ration, and of nothing that is given', () => {
    const refused: string[] = []
    const rations = createRations(
      one,
      () => 0,
      name => refused.push(name),
    )
    const origin: Origin = { source: 'client', ip: '192.0.2.1', authenticated: new Set() }
    const names = Object.keys(rations) as (keyof Rations)[]
    const take = (name: keyof Rations) =>
      name === 'decryptionsPerConnection' ? rations[name](origin) : rations[name]('192.0.2.1')
    expect(names.map(take)).toEqual(names.map(() => true))
    expect(refused).toEqual([])
    expect(names.map(take)).toEqual(names.map(() => false))
    expect(refused).toEqual(names)
  })
})
