import { isUrlOf } from '../protocol/fields.ts'

/** Where a secret is read: a file, or a variable of the environment. It never stands in the configuration. */
export type SecretSource = { readonly from: 'file' | 'env'; readonly name: string }

/** Which Lightning backend is used, where it is, and where its secrets are. */
export type WalletSetting = {
  readonly kind: keyof typeof kinds
  /** `null` where the kind has no address. */
  readonly url: string | null
  readonly secrets: ReadonlyMap<string, SecretSource>
}

/** What each kind needs: an address (or has one by default), secrets, and others that it can do without. */
const kinds = {
  dev: { url: null, secrets: [], optional: [] },
  lnd: { url: 'required', secrets: ['macaroon'], optional: ['cert'] },
  cln: { url: 'required', secrets: ['rune'], optional: ['cert'] },
  phoenixd: { url: 'required', secrets: ['password'], optional: ['webhookSecret'] },
  lnbits: { url: 'required', secrets: ['invoiceKey'], optional: ['adminKey'] },
  strike: { url: 'https://api.strike.me', secrets: ['apiKey'], optional: ['webhookSecret'] },
  nwc: { url: null, secrets: ['uri'], optional: [] },
} as const

/** The forms that a wallet setting has, for whoever wrote another. */
export const walletForms =
  'dev:, or lnd:, cln:, phoenixd:, lnbits: with a URL, strike: or nwc:, and where its secrets are (lnd:https://localhost:8080?macaroonFile=…&certFile=…; see docs/operations.md)'

const maxNameLength = 4_096

/** Reads a wallet setting such as `lnd:https://localhost:8080?macaroonFile=/etc/panda/invoice.macaroon`; `null` when it is none. */
export function parseWallet(text: string): WalletSetting | null {
  const [, kind = '', address = '', , query = ''] = /^([a-z]+):([^?]*)(\?(.*))?$/s.exec(text) ?? []
  if (!isKind(kind)) return null
  const { url: wanted, secrets: needed, optional } = kinds[kind]
  const names: readonly string[] = [...needed, ...optional]
  const secrets = new Map<string, SecretSource>()
  for (const [parameter, name] of new URLSearchParams(query)) {
    const [, secret = '', from = ''] = /^(.*)(File|Env)$/.exec(parameter) ?? []
    if (!names.includes(secret) || secrets.has(secret) || name === '' || name.length > maxNameLength) return null
    secrets.set(secret, { from: from === 'File' ? 'file' : 'env', name })
  }
  if (needed.some(name => !secrets.has(name))) return null
  const url = address === '' && wanted !== 'required' ? wanted : address
  if (url === null) return { kind, url, secrets }
  if (wanted === null || !isUrlOf(url, ['https:', 'http:']) || url.includes('#')) return null
  return { kind, url, secrets }
}

/** The variables of the environment that a wallet setting reads secrets from. */
export function secretVariables(text: string): ReadonlySet<string> {
  const sources = [...(parseWallet(text)?.secrets.values() ?? [])]
  return new Set(sources.filter(({ from }) => from === 'env').map(({ name }) => name))
}

function isKind(text: string): text is keyof typeof kinds {
  return Object.hasOwn(kinds, text)
}
