import { describeLightningContract } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { startLnbits } from './server.ts'

const traits = {
  takesPreimage: false,
  hold: false,
  descriptionHash: true,
  resolutionMsat: 1_000,
  // services/payments.py: an empty memo becomes the title of the site.
  needsDescription: true,
  // services/payments.py: a line has the amount of its invoice.
  booksWhatWasAsked: true,
  // services/payments.py, `fee_reserve`: LNbits' own settings are the limit.
  reservedFeeMsat: 10_000,
} as const

describeLightningContract('LNbits', traits, () => openRemote(startLnbits))
