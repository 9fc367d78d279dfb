import { describeLightningContract, type LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { traitsOf } from '../traits.ts'
import { startClnServer } from './cln-server.ts'

describeLightningContract('Core Lightning', traitsOf.cln, async (): Promise<LightningFixture> => {
  const fixture = await openRemote((node, now) => startClnServer(node, now))
  return Object.assign(Object.create(fixture), {
    // That a payment has failed is told apart from the time between two tries only once the node tries no more.
    decide: (paymentHash: string, status: 'paid' | 'failed') => {
      fixture.advance(120)
      return fixture.decide(paymentHash, status)
    },
  })
})
