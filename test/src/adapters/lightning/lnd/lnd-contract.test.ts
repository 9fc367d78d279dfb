import { describeLightningContract } from '../contract.ts'
import { traitsOf } from '../traits.ts'
import { openLnd } from './open-lnd.ts'

describeLightningContract('LND', traitsOf.lnd, () => openLnd())
