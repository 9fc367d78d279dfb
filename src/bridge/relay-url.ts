import { isIP } from 'node:net'
import { isUrlOf } from '../protocol/fields.ts'

const maxLength = 256

/** One spelling of a relay's URL, under which its queue stands; `null` for what is no websocket URL. */
export function relayKey(text: string): string | null {
  if (text.length > maxLength || !isUrlOf(text, ['wss:', 'ws:'])) return null
  const url = new URL(text)
  url.hash = ''
  return url.href.length > maxLength ? null : url.href
}

/**
 * The same for a relay that a stranger names: by TLS, on its usual port, by a name with a dot in it. What the name
 * resolves to is looked at when connecting. `mayBePrivate`: closed networks and tests, where all of them will do.
 */
export function strangersRelayKey(text: string, mayBePrivate: boolean): string | null {
  const key = relayKey(text)
  if (key === null || mayBePrivate) return key
  const { protocol, port, hostname } = new URL(key)
  const isName = isIP(hostname) === 0 && !hostname.startsWith('[') && hostname.includes('.')
  return protocol === 'wss:' && port === '' && isName ? key : null
}
