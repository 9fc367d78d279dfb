import { expect, it } from 'vitest'
import { withKeptCapabilities } from '../../../../src/adapters/lightning/kept-capabilities.ts'
import { LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import { silentBackend } from '../../jobs/silent-backend.ts'
import { never } from './invoice-request.ts'

const said = {
  hold: true,
  descriptionHash: true,
  pay: true,
  limitsFees: true,
  knowsItsPayments: true,
  resolutionMsat: 1,
  maxDescriptionLength: 639,
} as const

it('what a backend can do is asked once a minute, and an answer that did not come is not kept', async () => {
  let [asked, nowMs, isAway] = [0, 0, true]
  const backend = {
    ...silentBackend('test'),
    capabilities: async () => {
      asked++
      if (isAway) throw new LightningUnavailable('away')
      return said
    },
  }
  const kept = withKeptCapabilities(backend, { nowMs: () => nowMs })
  for (const _ of [1, 2]) await expect(kept.capabilities(never)).rejects.toThrow('away')
  expect(asked).toBe(2)
  isAway = false
  for (const at of [0, 59_999]) {
    nowMs = at
    expect(await kept.capabilities(never)).toEqual(said)
  }
  expect(asked).toBe(3)
  nowMs = 60_000
  isAway = true
  await expect(kept.capabilities(never)).rejects.toThrow('away')
})
