import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getPublicKey } from 'nostr-tools'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { openWallet, webhookTo } from '../../src/open-wallet.ts'
import { type Call, startLocalServer } from './adapters/lightning/local-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-wallet-'))
afterAll(() => rmSync(directory, { recursive: true }))

const secret = 'hunter2hunter2hunter2'
const file = (name: string, content: string | Buffer) => {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

function open(wallet: string, env: Record<string, string> = {}) {
  const loaded = loadConfig({ env: { PANDA_WALLET: wallet }, flags: {} })
  if (!loaded.ok) throw new Error(loaded.problems.map(({ expected }) => expected).join())
  return openWallet(loaded.config, { directory, env, now: () => 1_790_000_000 })
}

/** What a backend sends to a server that knows nothing: its first call. */
async function firstCall(wallet: (url: string) => string, env: Record<string, string>): Promise<Call | undefined> {
  const server = await startLocalServer({ kindOf: () => 'any', handle: () => ({ status: 404, json: {} }) })
  const { backend, dev } = await open(wallet(`http://127.0.0.1:${server.port}`), env)
  expect(dev).toBe(null)
  await backend.check(AbortSignal.timeout(5_000)).catch(() => undefined)
  await backend.close()
  await server.close()
  return server.calls[0]
}

describe('a webhook', () => {
  const paymentHash = 'aa'.repeat(32)
  const body = JSON.stringify({ type: 'payment_received', paymentHash })
  const signed = (text: string) => createHmac('sha256', secret).update(text).digest('hex')

  it('of phoenixd is a hint to look at an invoice, if it is signed', async () => {
    const wallet = 'phoenixd:http://127.0.0.1:1?passwordEnv=SECRET&webhookSecretEnv=SECRET'
    const { backend, takeWebhook } = await open(wallet, { SECRET: secret })
    if (takeWebhook === null) throw new Error('no webhook is taken')
    const hints: string[] = []
    const takes = webhookTo(takeWebhook, hint => hints.push(hint))
    const call = (text: string, signature?: string) =>
      takes(Buffer.from(text), name => (name === 'x-phoenix-signature' ? signature : undefined))
    expect([call(body), call(body, signed('')), call(`${body} `, signed(body))]).toEqual([false, false, false])
    expect(hints).toEqual([])
    expect(call(body, signed(body))).toBe(true)
    expect(hints).toEqual([paymentHash])
    await backend.close()
  })

  it('of Strike makes the backend look, if it is signed', async () => {
    const { backend, takeWebhook } = await open('strike:?apiKeyEnv=SECRET&webhookSecretEnv=SECRET', { SECRET: secret })
    const told = JSON.stringify({
      eventType: 'receive-request.receive-completed',
      data: { entityId: '7f0a4d5c-3a58-4a35-9bb8-6e9a2d1c0b3e' },
    })
    const call = (signature: string) =>
      takeWebhook?.(Buffer.from(told), name => (name === 'x-webhook-signature' ? signature : undefined))
    expect(call(signed(''))).toBe(null)
    expect(call(signed(told))).toEqual({ paymentHash: null })
    await backend.close()
  })

  it('is not taken without a secret', async () => {
    const { backend, takeWebhook } = await open('phoenixd:http://127.0.0.1:1?passwordEnv=SECRET', { SECRET: secret })
    expect(takeWebhook).toBe(null)
    await backend.close()
  })
})

describe('the wallet of the configuration', () => {
  it('is the development wallet, which can be told to pay', async () => {
    const { backend, dev } = await open('dev:')
    expect(dev).toBe(backend)
    await backend.close()
  })

  it.each<[string, (url: string) => string, string, string]>([
    [
      'lnd',
      url => `lnd:${url}?macaroonFile=${file('a.macaroon', Buffer.from('0201aa', 'hex'))}`,
      'grpc-metadata-macaroon',
      '0201aa',
    ],
    ['lnd', url => `lnd:${url}?macaroonEnv=MACAROON`, 'grpc-metadata-macaroon', '0201bb'],
    ['cln', url => `cln:${url}?runeEnv=SECRET`, 'rune', secret],
    [
      'phoenixd',
      url => `phoenixd:${url}?passwordFile=${file('password', `${secret}\n`)}`,
      'authorization',
      `Basic ${Buffer.from(`:${secret}`).toString('base64')}`,
    ],
    [
      'phoenixd',
      url => `phoenixd:${url}?passwordEnv=WORD`,
      'authorization',
      `Basic ${Buffer.from(':geheimnißvoll').toString('base64')}`,
    ],
    ['lnbits', url => `lnbits:${url}?invoiceKeyEnv=SECRET`, 'x-api-key', secret],
    ['strike', url => `strike:${url}?apiKeyEnv=SECRET`, 'authorization', `Bearer ${secret}`],
  ])('has its secret from where the setting says: %s', async (_kind, wallet, header, value) => {
    const call = await firstCall(wallet, { SECRET: secret, MACAROON: '0201BB', WORD: 'geheimnißvoll' })
    expect(call?.headers[header]).toBe(value)
  })

  it('may be one behind Nostr Wallet Connect', async () => {
    const uri = `nostr+walletconnect://${getPublicKey(new Uint8Array(32).fill(3))}?relay=ws%3A%2F%2F127.0.0.1%3A1&secret=${'02'.repeat(32)}`
    const { backend } = await open('nwc:?uriEnv=NWC', { NWC: uri })
    expect(backend.name).toBe('nwc')
    await backend.close()
  })

  it.each<[string, Record<string, string>, string]>([
    ['cln:http://127.0.0.1:1?runeEnv=NOWHERE', {}, 'in the variable NOWHERE, which is not set'],
    ['cln:http://127.0.0.1:1?runeFile=/nowhere/at/all', {}, 'cannot be read from /nowhere/at/all (ENOENT)'],
    [`cln:http://127.0.0.1:1?runeFile=${directory}/empty`, {}, 'which is empty or too long'],
    [`cln:http://127.0.0.1:1?runeFile=${directory}/long`, {}, 'which is empty or too long'],
    ['cln:http://127.0.0.1:1?runeEnv=SECRET', { SECRET: ' \n' }, 'which holds no line of plain text'],
    ['lnbits:http://127.0.0.1:1?invoiceKeyEnv=SECRET', { SECRET: `${secret}\nx` }, 'which holds no line of plain text'],
    ['strike:?apiKeyEnv=SECRET', { SECRET: `${secret}ł` }, 'which holds no line of plain text'],
    ['nwc:?uriEnv=SECRET', { SECRET: secret }, 'no Nostr Wallet Connect URI'],
  ])('is not opened without its secret, and says why without it: %s', async (wallet, env, said) => {
    file('empty', '')
    file('long', 'x'.repeat(70_000))
    const error = await open(wallet, env).then(
      () => new Error('opened'),
      (failure: Error) => failure,
    )
    expect(error.message).toContain(said)
    expect(error.message).not.toContain(secret)
  })
})
