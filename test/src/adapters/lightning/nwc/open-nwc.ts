import { createNwcBackend } from '../../../../../src/adapters/lightning/nwc/backend.ts'
import type { LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { type LocalRelay, startRelay } from './local-relay.ts'
import { startWalletService, type WalletService } from './wallet-service.ts'

/** A backend, and the relays and the wallet service that it speaks with. */
export type NwcFixture = LightningFixture & { readonly wallet: WalletService; readonly relays: readonly LocalRelay[] }

type BackendOptions = Partial<Parameters<typeof createNwcBackend>[0]>

/** Short enough for tests that wait for one of them, long enough for all others. */
const pace = { retryMinMs: 5, retryMaxMs: 20 }

export async function openNwc(
  options: {
    relayCount?: number
    /** A relay that is no local one. */
    relayUrl?: string
    keepsMetadata?: boolean
    enforcesMaxFee?: boolean
    backend?: BackendOptions
  } = {},
): Promise<NwcFixture> {
  const { relayUrl, keepsMetadata = true, enforcesMaxFee = false } = options
  const { relayCount = relayUrl === undefined ? 1 : 0 } = options
  const relays: LocalRelay[] = []
  for (let index = 0; index < relayCount; index++) relays.push(await startRelay())
  let wallet: WalletService | undefined
  const fixture = await openRemote(async (node, now) => {
    const service = await startWalletService({
      node,
      relays: [...relays.map(relay => relay.url), ...(relayUrl === undefined ? [] : [relayUrl])],
      now,
      cut: eventId => {
        for (const relay of relays) relay.cut(eventId)
      },
      keepsMetadata,
      enforcesMaxFee,
    })
    wallet = service
    return {
      connect: async () => {
        const { pace: ownPace, ...own } = options.backend ?? {}
        const backend = createNwcBackend({ uri: service.uri, now, ...own, pace: { ...pace, ...ownPace } })
        return {
          ...backend,
          createInvoice: (request, signal) => {
            service.ledger.learn(request.preimage)
            return backend.createInvoice(request, signal)
          },
        }
      },
      fail: (call, mode) => {
        if (call === 'stream') for (const relay of relays) relay.failStream(mode)
        else service.fail(call, mode)
      },
      close: async () => {
        await service.close()
        for (const relay of relays) await relay.close()
      },
    }
  })
  if (wallet === undefined) throw new Error('the wallet service was not started')
  return Object.defineProperties(fixture, { wallet: { value: wallet }, relays: { value: relays } }) as NwcFixture
}
