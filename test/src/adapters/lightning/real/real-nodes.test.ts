import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { describeRealNode } from './describe-real-node.ts'
import { startLocalNodes } from './local-nodes.ts'

// The suite for real nodes in front of local ones, whose time goes on as fast as it is waited for.
const pairs = [
  { wallet: 'lnd', payer: 'lnd' },
  { wallet: 'cln', payer: 'lnd' },
  { wallet: 'phoenixd', payer: 'cln' },
] as const

for (const kinds of pairs) {
  let time = 1_790_000_000
  const now = () => Math.floor(time)
  const nodes = await startLocalNodes(kinds, now)
  const totalMsat = async () => (await nodes.wallet.balanceMsat()) + (await nodes.payer.balanceMsat())
  const before = await totalMsat()
  const said: string[] = []

  describe(`${kinds.wallet}, paid by ${kinds.payer}`, async () => {
    afterAll(nodes.close)

    await describeRealNode(
      {
        env: { PANDA_TEST_WALLET: nodes.wallet.setting, PANDA_TEST_PAYER: nodes.payer.setting },
        now,
        wait: async seconds => {
          time += seconds
          await nextTurn()
        },
        patienceMs: 300,
        hear: ({ preimage }) => {
          nodes.wallet.learn(preimage)
          nodes.payer.learn(preimage)
        },
      },
      text => said.push(text),
    )

    it('has said what it spent', async () => {
      const fees = [...(said[0] ?? '').matchAll(/ and ([\d.]+) sat in fees/g)].map(([, sat]) => Number(sat) * 1_000)
      expect(fees).toHaveLength(2)
      expect(said[0]).not.toContain('not known')
      expect(before - (await totalMsat())).toBe(fees.reduce((sum, one) => sum + one, 0))
    })
  })
}
