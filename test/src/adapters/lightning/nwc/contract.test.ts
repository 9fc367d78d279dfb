import { describeLightningContract } from '../contract.ts'
import { traitsOf } from '../traits.ts'
import { openNwc } from './open-nwc.ts'

describeLightningContract('a wallet through Nostr Wallet Connect', traitsOf.nwc, openNwc)
