import { describeLightningContract } from '../contract.ts'
import { openLnd } from './open-lnd.ts'

const traits = { takesPreimage: true, hold: true, descriptionHash: true, resolutionMsat: 1 } as const
describeLightningContract('LND', traits, () => openLnd())
