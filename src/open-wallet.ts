import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClnBackend } from './adapters/lightning/cln/backend.ts'
import { createDevWallet, type DevWallet } from './adapters/lightning/dev-wallet/wallet.ts'
import { createLnbitsBackend } from './adapters/lightning/lnbits/backend.ts'
import { createLndBackend } from './adapters/lightning/lnd/backend.ts'
import { createNwcBackend } from './adapters/lightning/nwc/backend.ts'
import { createPhoenixdBackend } from './adapters/lightning/phoenixd/backend.ts'
import { phoenixdWebhookHash } from './adapters/lightning/phoenixd/webhook.ts'
import type { LightningBackend } from './adapters/lightning/port.ts'
import { createStrikeBackend } from './adapters/lightning/strike/backend.ts'
import { parseWallet, type SecretSource } from './config/wallet.ts'
import type { Config } from './config.ts'
import type { TakesWebhook } from './http/webhook.ts'

const maxSecretBytes = 65_536

/**
 * Takes a call with which a backend tells of a payment: its raw body and headers. `null`: it is not the backend's. Otherwise
 * it is a hint, and the invoice of that hash is looked up; without a hash the backend looks by itself.
 */
export type TakeWebhook = (
  rawBody: Uint8Array,
  header: (name: string) => string | undefined,
) => { readonly paymentHash: string | null } | null

type Wallet = {
  readonly backend: LightningBackend
  /** What tells it from every other wallet; no secret. */
  readonly id: string
  /** The development wallet, when it is that one, for whoever pays with invented money. */
  readonly dev: DevWallet | null
  /** `null` when the backend does not call, or has no secret to sign with. */
  readonly takeWebhook: TakeWebhook | null
}

/**
 * Opens the Lightning backend that the configuration names. Throws with one clear sentence, in which no secret is, when a
 * secret cannot be read.
 */
export async function openWallet(
  config: Pick<Config, 'wallet' | 'network'>,
  options: {
    /** Where the development wallet keeps what it has. */
    directory: string
    env: Readonly<Record<string, string | undefined>>
    /** Unix seconds. */
    now(): number
  },
): Promise<Wallet> {
  const { directory, env, now } = options
  const setting = parseWallet(config.wallet)
  if (setting === null) throw new Error('the configuration names no wallet')
  const { kind, secrets } = setting
  const url = setting.url ?? ''
  const bytes = (name: string) => readSecret(kind, name, secrets.get(name), env)
  const text = (name: string) => oneLine(kind, name, secrets.get(name), bytes(name))
  const optional = (name: string) => (secrets.has(name) ? { [name]: text(name) } : {})
  const certificate = () => (secrets.has('cert') ? { certificate: bytes('cert').toString('utf8').trim() } : {})
  switch (kind) {
    case 'dev': {
      const dev = await createDevWallet({ directory: join(directory, 'dev-wallet'), network: config.network, now })
      return { backend: dev, id: idOf(kind, dev.nodeId), dev, takeWebhook: null }
    }
    case 'lnd':
      return real(idOf(kind, url), createLndBackend({ url, macaroon: hexOf(bytes('macaroon')), ...certificate(), now }))
    case 'cln':
      return real(idOf(kind, url), createClnBackend({ url, rune: text('rune'), ...certificate(), now }))
    case 'phoenixd':
      return real(
        idOf(kind, url),
        createPhoenixdBackend({ url, password: text('password'), now }),
        secrets.has('webhookSecret') ? phoenixdWebhook(text('webhookSecret')) : null,
      )
    case 'lnbits':
      return real(
        idOf(kind, url, text('invoiceKey')),
        createLnbitsBackend({ url, invoiceKey: text('invoiceKey'), ...optional('adminKey'), now }),
      )
    case 'strike': {
      const strike = createStrikeBackend({ url, apiKey: text('apiKey'), ...optional('webhookSecret'), now })
      return real(idOf(kind, url, text('apiKey')), strike, secrets.has('webhookSecret') ? strikeWebhook(strike) : null)
    }
    case 'nwc':
      return real(idOf(kind, text('uri')), createNwcBackend({ uri: text('uri'), now }))
    default: {
      const unknown: never = kind
      throw new Error(`there is no wallet ${String(unknown)}`)
    }
  }
}

function real(id: string, backend: LightningBackend, takeWebhook: TakeWebhook | null = null): Wallet {
  return { backend, id, dev: null, takeWebhook }
}

/**
 * A node is known by its address, and one of many wallets behind one address by its key, which a hash of that length does not
 * give away. A wallet that gets another key counts as another, whose word proves nothing of what the former was asked for.
 */
function idOf(kind: string, ...parts: string[]): string {
  return `${kind}:${hash('sha256', parts.join('\n')).slice(0, 16)}`
}

function phoenixdWebhook(secret: string): TakeWebhook {
  return (rawBody, header) => {
    const paymentHash = phoenixdWebhookHash(secret, rawBody, header('x-phoenix-signature'))
    return paymentHash === null ? null : { paymentHash }
  }
}

function strikeWebhook(strike: ReturnType<typeof createStrikeBackend>): TakeWebhook {
  return (rawBody, header) =>
    strike.takeWebhook(rawBody, header('x-webhook-signature')) === null ? null : { paymentHash: null }
}

/** What HTTP does with a call that may be the backend's: says whether it is, and follows it. */
export function webhookTo(takeWebhook: TakeWebhook, hint: (paymentHash: string) => void): TakesWebhook {
  return (rawBody, header) => {
    const taken = takeWebhook(rawBody, header)
    if (taken?.paymentHash != null) hint(taken.paymentHash)
    return taken !== null
  }
}

function readSecret(
  kind: string,
  name: string,
  source: SecretSource | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Buffer {
  const what = `the ${name} of the wallet (${kind}:)`
  if (source === undefined) throw new Error(`${what} is nowhere to be found`)
  if (source.from === 'env') {
    const value = env[source.name]
    if (!value) throw new Error(`${what} should be in the variable ${source.name}, which is not set`)
    return Buffer.from(value)
  }
  let content: Buffer
  try {
    content = readFileSync(source.name)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new Error(`${what} cannot be read from ${source.name} (${code})`)
  }
  if (content.length === 0 || content.length > maxSecretBytes) {
    throw new Error(`${what} should be in ${source.name}, which is empty or too long`)
  }
  return content
}

/** These are hashed or encoded; the other secrets go into headers as they are, which take only what is on a typewriter. */
const anyText: readonly string[] = ['password', 'webhookSecret']

/** A secret that is one line of text. What no header takes would be an error at every call. */
function oneLine(kind: string, name: string, source: SecretSource | undefined, content: Buffer): string {
  const text = content.toString('utf8').trim()
  if ((anyText.includes(name) ? /^\P{C}+$/u : /^[\x20-\x7e]+$/).test(text)) return text
  throw new Error(
    `the ${name} of the wallet (${kind}:) should be in ${source?.name}, which holds no line of plain text`,
  )
}

/** LND writes macaroons as bytes; in a variable they are hex. */
function hexOf(macaroon: Buffer): string {
  const text = macaroon.toString('latin1').trim()
  return /^([0-9a-fA-F]{2})+$/.test(text) ? text.toLowerCase() : macaroon.toString('hex')
}
