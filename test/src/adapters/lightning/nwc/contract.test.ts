import { describeLightningContract } from '../contract.ts'
import { openNwc } from './open-nwc.ts'

describeLightningContract(
  'a wallet through Nostr Wallet Connect',
  { takesPreimage: false, hold: true, descriptionHash: true, resolutionMsat: 1, limitsFees: false },
  openNwc,
)
