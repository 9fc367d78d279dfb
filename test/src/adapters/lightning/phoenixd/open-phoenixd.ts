import { feeMsatOf } from '../../../../../src/adapters/lightning/phoenixd/payments.ts'
import type { LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { type PhoenixdServer, startPhoenixdServer } from './phoenixd-server.ts'

/** A wallet with phoenixd's API before it, and a backend that is connected to it. */
export async function openPhoenixd(
  options: Parameters<typeof startPhoenixdServer>[2] = {},
): Promise<{ fixture: LightningFixture; server: PhoenixdServer }> {
  const opened: PhoenixdServer[] = []
  const fixture = await openRemote(async (node, now) => {
    const server = await startPhoenixdServer(node, now, options)
    opened.push(server)
    return server
  })
  const [server] = opened
  if (server === undefined) throw new Error('no server was started')
  const priced: Pick<LightningFixture, 'outsideInvoice'> = {
    // Every payment costs the same, whatever the way.
    outsideInvoice: wanted => fixture.outsideInvoice({ ...wanted, feeMsat: feeMsatOf(wanted.amountMsat) }),
  }
  return { fixture: Object.assign(Object.create(fixture), priced), server }
}
