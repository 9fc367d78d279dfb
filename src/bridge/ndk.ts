import type { NDKRelay } from '@nostr-dev-kit/ndk'
import { type Dial, openSocket } from './socket.ts'

/** Makes a relay of NDK's that is dialled as told, once: whoever wants it back makes another. */
export type DialNdk = (dial: Dial) => NDKRelay

/** What the next `new WebSocket` opens: NDK knows only the global class, and tells it nothing but the URL. */
let dialling: Dial | null = null

/**
 * Loads NDK, which takes a quarter of a second and 40 MB, so only when there is a relay to dial. Nothing that it does of
 * its own accord is left on: no relays but those dialled here, no reconnecting, no verification (the relay verifies).
 */
export async function loadNdk(): Promise<DialNdk> {
  const { default: NDK, NDKRelay } = await import('@nostr-dev-kit/ndk')
  // A timer without end in each relay, which would keep it in memory for ever.
  Object.defineProperty(NDKRelay.prototype, 'updateValidationRatio', { value: () => undefined, configurable: true })
  const ndk = new NDK({ explicitRelayUrls: [], enableOutboxModel: false, autoConnectUserRelays: false })
  return dial => {
    const relay = new NDKRelay(dial.url, undefined, ndk)
    provideWebSocket()
    dialling = dial
    // The socket is made before `connect` first waits.
    relay.connect(undefined, false).catch((error: Error) => {
      dial.fault(error.message)
      relay.emit('disconnect')
    })
    dialling = null
    return relay
  }
}

type AnyWebSocket = { new (url: string): object; readonly OPEN: number }

/** Puts ours in the place of the global class; sockets that are not the bridge's are what they were before. */
function provideWebSocket(): void {
  const before = (globalThis as { WebSocket?: AnyWebSocket & { isBridge?: true } }).WebSocket
  if (before?.isBridge === true) return
  function BridgeWebSocket(url: string): object {
    if (dialling !== null) return openSocket(dialling)
    if (before === undefined) throw new Error('there is no WebSocket but for relays that the bridge dials')
    return new before(url)
  }
  const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3, isBridge: true }
  const value = Object.assign(BridgeWebSocket, states)
  Object.defineProperty(globalThis, 'WebSocket', { value, configurable: true, writable: true })
}
