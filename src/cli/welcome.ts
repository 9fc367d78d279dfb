import { nip19 } from 'nostr-tools'
import type { Panda } from '../main.ts'

/** What the operator sees: where it listens, who it is, what is real and what is not, and what to try. */
export function welcome(panda: Omit<Panda, 'close'>, domain: string): string[] {
  const { urls, servicePublicKey, verifier, wallet, operatorNote } = panda
  // A domain that does not lead here yet is named to the server by hand.
  const hostHeader = domain === 'localhost' ? '' : ` -H 'Host: ${domain}'`
  const lines = [
    '',
    '  Panda is running.',
    '',
    `  websocket    ${urls.websocket}`,
    `  HTTP         ${urls.http}`,
    `  service key  ${nip19.npubEncode(servicePublicKey)}`,
    `  signatures   ${verifier}`,
    `  wallet       ${wallet}`,
  ]
  if (wallet.startsWith('dev'))
    lines.push('', '  !! DEVELOPMENT WALLET: invoices are paid with invented money. Sell nothing with it.')
  if (operatorNote !== null) lines.push('', `  ${operatorNote}`)
  lines.push(
    '',
    '  Try:',
    `    curl${hostHeader} '${localUrl(panda)}/.well-known/nostr.json?name=_'`,
    '    npm run demo',
    '',
  )
  return lines
}

/** A URL that works on this machine, whatever name the service has to the world. */
function localUrl({ address: { host, port } }: Pick<Panda, 'address'>): string {
  const everywhere = host === '0.0.0.0' || host === '::' || host === '127.0.0.1' || host === '::1'
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}
