import { describeLightningContract } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { startStrike } from './server.ts'

const traits = {
  takesPreimage: false,
  hold: false,
  descriptionHash: true,
  resolutionMsat: 1_000,
  // docs.strike.me/api/create-lightning-payment-quote: what a payment costs is said before.
  reservedFeeMsat: 10_000,
  // docs.strike.me/api has no search for payments, only /v1/payments/{paymentId}.
  tellsLostPaymentsOnRetry: true,
} as const

describeLightningContract('Strike', traits, () => openRemote(startStrike))
