import { afterAll, describe } from 'vitest'
import { describeLightningContract, type LightningTraits } from '../contract.ts'
import { traitsOf } from '../traits.ts'
import type { World } from '../world.ts'
import { openReal, type Progress } from './open-real.ts'
import { openPair, type Pair, type Surroundings } from './pair.ts'

/**
 * The contract in front of the real nodes that the environment names. `say` is told at the end what was spent. Rejects with
 * one sentence when there are no such nodes.
 */
export async function describeRealNode(surroundings: Surroundings, say: (text: string) => void): Promise<void> {
  const pair = await openPair(surroundings)
  const progress: Progress = { tests: 0, newest: null }
  const traits = traitsIn(pair)

  describe('with real nodes', () => {
    afterAll(async () => {
      await pair.payer.close()
      say(`Spent: ${pair.tally.summary()}.`)
    })

    describeLightningContract(pair.kind, traits, () => openReal(pair, progress), worldOf(pair, traits))
  })
}

/** What the wallet says that it can, and for the rest what its kind is like. */
function traitsIn({ kind, capabilities }: Pair): LightningTraits {
  const { hold, descriptionHash, resolutionMsat, pay } = capabilities
  return { ...traitsOf[kind], hold, descriptionHash, resolutionMsat, pay }
}

function worldOf({ payerCapabilities, surroundings }: Pair, { fixedFeeMsat }: LightningTraits): World {
  // Of an amount like this a share of 0.4 percent is whole satoshis, as balances are told there.
  const payoutMsat = fixedFeeMsat === undefined ? 21_000 : 250_000
  return {
    can: payerCapabilities.hold ? ['delays'] : [],
    amountMsat: 21_000,
    fundsMsat: payoutMsat + 21_000,
    payoutMsat,
    shortExpirySeconds: 5,
    patienceMs: surroundings.patienceMs,
  }
}
