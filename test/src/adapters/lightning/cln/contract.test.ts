import { describeLightningContract, type LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { startClnServer } from './cln-server.ts'

const traits = { takesPreimage: true, hold: false, descriptionHash: false, resolutionMsat: 1 } as const

describeLightningContract('Core Lightning', traits, async (): Promise<LightningFixture> => {
  const fixture = await openRemote((node, now) => startClnServer(node, now))
  return Object.assign(Object.create(fixture), {
    // That a payment has failed is told apart from the time between two tries only once the node tries no more.
    decide: (paymentHash: string, status: 'paid' | 'failed') => {
      fixture.advance(120)
      return fixture.decide(paymentHash, status)
    },
  })
})
