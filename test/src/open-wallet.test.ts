import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getPublicKey } from 'nostr-tools'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { openWallet } from '../../src/open-wallet.ts'
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
    ['lnbits', url => `lnbits:${url}?invoiceKeyEnv=SECRET`, 'x-api-key', secret],
    ['strike', url => `strike:${url}?apiKeyEnv=SECRET`, 'authorization', `Bearer ${secret}`],
  ])('has its secret from where the setting says: %s', async (_kind, wallet, header, value) => {
    const call = await firstCall(wallet, { SECRET: secret, MACAROON: '0201BB' })
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
