import { type Keys, type ReadEvent, readContent } from './envelope.ts'

/** What the wallet's info event says (NIP-47, kind 13194), the newest of all that relays have shown. */
export type WalletInfo = {
  /** Methods and the word `notifications`; `null` while no relay has shown the event. */
  methods(): readonly string[] | null
  /** Without the `encryption` tag a wallet speaks NIP-04 alone. A wallet without an info event says so when it is asked. */
  lacksNip44(): boolean
  /** Whether the event, if it is the wallet's, says more than is known. */
  isNews(event: ReadEvent): boolean
  /** Takes an event that is known to be the wallet's. */
  take(event: ReadEvent): void
}

export function createWalletInfo(): WalletInfo {
  let newest: ReadEvent | null = null
  const isNews = (event: ReadEvent) => newest === null || event.created_at > newest.created_at
  return {
    methods: () => newest?.content.split(/\s+/).filter(word => word !== '') ?? null,
    lacksNip44: () => {
      if (newest === null) return false
      const [, schemes = ''] = newest.tags.find(([name]) => name === 'encryption') ?? []
      return !schemes.split(/\s+/).includes('nip44_v2')
    },
    isNews,
    take: event => {
      if (isNews(event)) newest = event
    },
  }
}

/** The payment hash that a notification is about; `null` when it is of no payment that arrived. */
export function readNotification(keys: Keys, event: ReadEvent): string | null {
  const text = readContent(keys, event)
  if (text === null) return null
  try {
    const { notification_type: type, notification } = JSON.parse(text)
    if (type !== 'payment_received' && type !== 'hold_invoice_accepted') return null
    const hash: unknown = notification?.payment_hash
    return typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash) ? hash : null
  } catch {
    // What is no notification wakes nobody.
    return null
  }
}
