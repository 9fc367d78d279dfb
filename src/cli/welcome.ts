import { nip19 } from 'nostr-tools'
import type { Config } from '../config.ts'
import type { Panda } from '../main.ts'
import { isLoopback, localUrl } from './local-url.ts'

/** What the operator sees: where it listens, who it is, what is real and what is not, and what to try. */
export function welcome(
  panda: Omit<Panda, 'close'>,
  config: Pick<Config, 'data' | 'domains' | 'listen' | 'publicUrls'>,
): string[] {
  const { urls, servicePublicKey, verifier, wallet, operatorNote } = panda
  const isDevWallet = wallet.startsWith('dev')
  const warning = publicUrlsWarning(config)
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
  if (isDevWallet)
    lines.push('', '  !! DEVELOPMENT WALLET: invoices are paid with invented money. Sell nothing with it.')
  if (warning !== null) lines.push('', `  !! NO PUBLIC URLS: ${warning}`)
  if (operatorNote !== null) lines.push('', `  ${operatorNote}`)
  lines.push('', '  Try:', ...tryThis(panda, config, isDevWallet).map(command => `    ${command}`), '')
  return lines
}

/** Why clients from elsewhere cannot do all that they should, and what to set; `null` when they can, or cannot come. */
export function publicUrlsWarning({ listen, publicUrls }: Pick<Config, 'listen' | 'publicUrls'>): string | null {
  const missing = (['http', 'websocket'] as const).filter(key => publicUrls[key] === null)
  if (missing.length === 0 || isLoopback(listen.host)) return null
  const settings = missing.map(key => `publicUrls.${key} (PANDA_PUBLIC_URLS_${key.toUpperCase()})`).join(' and ')
  return `clients elsewhere are told localhost and cannot sign in (NIP-42, NIP-98): set ${settings} to what they use.`
}

/** Buying a name, paying for it and looking it up, on the service that runs here. */
function tryThis(
  { address }: Pick<Panda, 'address'>,
  { data, domains }: Pick<Config, 'data' | 'domains'>,
  isDevWallet: boolean,
): string[] {
  const domain = domains[0]?.name ?? 'localhost'
  // A domain that does not lead here yet is named to the server by hand.
  const hostHeader = domain === 'localhost' ? '' : ` -H 'Host: ${domain}'`
  const where = data === './data' ? '' : ` --data ${quote(data)}`
  const params = JSON.stringify({ identifier: `alice@${domain}`, years: 1 })
  const url = localUrl(address)
  const to = url === 'http://localhost:4848' ? '' : ` --url ${url}`
  return [
    `npx panda send identifier.register '${params}'${to}${where}`,
    ...(isDevWallet ? [`npx panda dev pay <bolt11 of the answer>${where}`] : []),
    `curl${hostHeader} '${url}/.well-known/nostr.json?name=alice'`,
    'npm run demo',
  ]
}

/** A word for the shell. */
function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
