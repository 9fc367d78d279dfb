import { describeLightningContract } from '../contract.ts'
import { traitsOf } from '../traits.ts'
import { openPhoenixd } from './open-phoenixd.ts'

describeLightningContract('phoenixd', traitsOf.phoenixd, async () => (await openPhoenixd()).fixture)
