import { createAddressList, type createClientIp, forwardedHops, type Peer } from './client-ip.ts'
import { normalizeAddress } from './network.ts'
import { toHost } from './nip05.ts'

/**
 * Whether a request comes from an address that may see what is not for everybody (`/metrics`). Both the peer and the
 * client that it forwards for must be allowed, or a proxy on this machine would open it to the world. So must it be known
 * for whom: a request that says that it was forwarded counts only from a listed proxy that names addresses alone, and one
 * that asks for the public name without saying so came through a proxy that keeps it to itself.
 */
export function createInsiderCheck(options: {
  /** Addresses and CIDR networks. */
  allow: readonly string[]
  isProxy(address: string): boolean
  clientIp: ReturnType<typeof createClientIp>
  /** As configured: `null` where the world has no name for the service. */
  publicUrls: { readonly http: string | null; readonly websocket: string | null }
}): (request: Peer | undefined) => boolean {
  const { allow, isProxy, clientIp, publicUrls } = options
  const isListed = createAddressList(allow)
  const publicHosts = hostsOf([publicUrls.http, publicUrls.websocket])
  const isAllowed = (text: string): boolean => {
    const address = normalizeAddress(text)
    return address !== null && isListed(address)
  }
  return request => {
    const peer = normalizeAddress(request?.socket.remoteAddress ?? '')
    if (request === undefined || peer === null || !isAllowed(peer)) return false
    if (!forwardingHeaders.some(name => request.headers[name] !== undefined)) {
      return !publicHosts.includes(toHost(String(request.headers.host ?? '')))
    }
    return isProxy(peer) && isAllowed(clientIp(request)) && ![...forwardedHops(request)].includes(null)
  }
}

/** What proxies add; one of them without `X-Forwarded-For` does not say for whom. */
const forwardingHeaders = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-original-forwarded-for',
  'forwarded',
  'via',
  'cf-connecting-ip',
  'true-client-ip',
  'fly-client-ip',
]

/** What is called so on any machine is not the world's name for this one. */
const local = /^(localhost|127\..*|\[::1\])$/

function hostsOf(urls: readonly (string | null)[]): string[] {
  return urls.flatMap(url => (url === null ? [] : [new URL(url).hostname])).filter(host => !local.test(host))
}
