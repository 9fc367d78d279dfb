import { describeLightningContract } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { traitsOf } from '../traits.ts'
import { startStrike } from './server.ts'

describeLightningContract('Strike', traitsOf.strike, () => openRemote(startStrike))
