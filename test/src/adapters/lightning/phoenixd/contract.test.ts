import { feeMsatOf } from '../../../../../src/adapters/lightning/phoenixd/payments.ts'
import { describeLightningContract } from '../contract.ts'
import { openPhoenixd } from './open-phoenixd.ts'

const traits = {
  takesPreimage: false,
  hold: false,
  descriptionHash: true,
  resolutionMsat: 1_000,
  fixedFeeMsat: feeMsatOf,
} as const

describeLightningContract('phoenixd', traits, async () => (await openPhoenixd()).fixture)
