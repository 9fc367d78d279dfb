import { describeLightningContract } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { traitsOf } from '../traits.ts'
import { startLnbits } from './server.ts'

describeLightningContract('LNbits', traitsOf.lnbits, () => openRemote(startLnbits))
