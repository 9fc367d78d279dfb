import type { DevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { LightningBackend } from '../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from './contract.ts'
import { openDevWallet } from './open-dev-wallet.ts'

/** A local server that speaks a backend's protocol in front of a node. */
export type BackendServer = {
  /** Makes the adapter under test, connected to this server. */
  connect(): Promise<LightningBackend>
  fail: LightningFixture['fail']
  close(): Promise<void>
}

/**
 * A fixture for an adapter: the development wallet is the node that really has the invoices and payments, and `start` puts
 * a server in front of it that speaks the backend's protocol. `now` is the node's time.
 */
export async function openRemote(
  start: (node: DevWallet, now: () => number) => Promise<BackendServer>,
): Promise<LightningFixture> {
  const world = await openDevWallet()
  const server = await start(world.backend, world.now)
  let backend = await server.connect()
  return {
    get backend() {
      return backend
    },
    nodeId: world.nodeId,
    prefix: world.prefix,
    now: world.now,
    advance: world.advance,
    pay: world.pay,
    outsideInvoice: world.outsideInvoice,
    decide: world.decide,
    fail: server.fail,
    refuse: world.refuse,
    reopen: async () => {
      await backend.close()
      backend = await server.connect()
      return backend
    },
    close: async () => {
      await backend.close()
      await server.close()
      await world.close()
    },
  }
}
