import { feeMsatOf } from '../../../../src/adapters/lightning/phoenixd/payments.ts'
import type { WalletSetting } from '../../../../src/config/wallet.ts'
import type { LightningTraits } from './contract.ts'

/** What each kind of wallet is like, when it may do all that it can. */
export const traitsOf = {
  dev: { takesPreimage: true, hold: true, descriptionHash: true, resolutionMsat: 1 },
  lnd: { takesPreimage: true, hold: true, descriptionHash: true, resolutionMsat: 1 },
  cln: { takesPreimage: true, hold: false, descriptionHash: false, resolutionMsat: 1 },
  phoenixd: {
    takesPreimage: false,
    hold: false,
    descriptionHash: true,
    resolutionMsat: 1_000,
    maxDescriptionLength: 128,
    fixedFeeMsat: feeMsatOf,
  },
  lnbits: {
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
  },
  strike: {
    takesPreimage: false,
    hold: false,
    descriptionHash: true,
    resolutionMsat: 1_000,
    maxDescriptionLength: 250,
    // docs.strike.me/api/create-lightning-payment-quote: what a payment costs is said before.
    reservedFeeMsat: 10_000,
  },
  nwc: { takesPreimage: false, hold: true, descriptionHash: true, resolutionMsat: 1, limitsFees: false },
} as const satisfies Record<WalletSetting['kind'], LightningTraits>
