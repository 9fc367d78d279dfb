import { createLndBackend, type LndOptions } from '../../../../../src/adapters/lightning/lnd/backend.ts'
import type { LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { type LndServer, startLndServer } from './lnd-server.ts'

export type LndFixture = LightningFixture & { readonly server: LndServer }

/** The adapter in front of a local LND. */
export async function openLnd(
  changes: (server: LndServer) => Partial<LndOptions> = () => ({}),
  tls?: { key: string; cert: string },
): Promise<LndFixture> {
  let server: LndServer | null = null
  const fixture = await openRemote(async (node, now) => {
    const started = await startLndServer(node, now, tls)
    server = started
    return {
      connect: async () => {
        const { url, macaroon } = started
        const backend = createLndBackend({ url, macaroon, now, ...changes(started) })
        return {
          ...backend,
          createInvoice: (request, signal) => {
            started.learn(request.preimage)
            return backend.createInvoice(request, signal)
          },
        }
      },
      fail: started.failAs,
      close: started.close,
    }
  })
  if (server === null) throw new Error('the server was not started')
  return Object.defineProperty(fixture, 'server', { value: server }) as LndFixture
}
