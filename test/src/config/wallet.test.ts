import { describe, expect, it } from 'vitest'
import { parseWallet } from '../../../src/config/wallet.ts'

const read = (text: string) => {
  const setting = parseWallet(text)
  return setting === null ? null : { ...setting, secrets: Object.fromEntries(setting.secrets) }
}
const file = (name: string) => ({ from: 'file', name })
const env = (name: string) => ({ from: 'env', name })

describe('a wallet setting', () => {
  it.each<[string, object]>([
    ['dev:', { kind: 'dev', url: null, secrets: {} }],
    [
      'lnd:https://localhost:8080?macaroonFile=/etc/panda/a.macaroon&certFile=/etc/panda/tls.cert',
      {
        kind: 'lnd',
        url: 'https://localhost:8080',
        secrets: { macaroon: file('/etc/panda/a.macaroon'), cert: file('/etc/panda/tls.cert') },
      },
    ],
    [
      'cln:https://[::1]:3010/prefix?runeEnv=CLN_RUNE',
      { kind: 'cln', url: 'https://[::1]:3010/prefix', secrets: { rune: env('CLN_RUNE') } },
    ],
    [
      'phoenixd:http://127.0.0.1:9740?passwordFile=a%20b',
      { kind: 'phoenixd', url: 'http://127.0.0.1:9740', secrets: { password: file('a b') } },
    ],
    [
      'lnbits:https://lnbits.example?invoiceKeyEnv=A&adminKeyEnv=B',
      { kind: 'lnbits', url: 'https://lnbits.example', secrets: { invoiceKey: env('A'), adminKey: env('B') } },
    ],
    ['strike:?apiKeyEnv=A', { kind: 'strike', url: 'https://api.strike.me', secrets: { apiKey: env('A') } }],
    [
      'strike:https://api.dev.strike.me?apiKeyEnv=A',
      { kind: 'strike', url: 'https://api.dev.strike.me', secrets: { apiKey: env('A') } },
    ],
    ['nwc:?uriFile=/run/secrets/nwc', { kind: 'nwc', url: null, secrets: { uri: file('/run/secrets/nwc') } }],
  ])('is read: %s', (text, setting) => {
    expect(read(text)).toEqual(setting)
  })

  it.each([
    '',
    'dev',
    'lnd',
    'lnd:',
    'lnd:https://localhost',
    'lnd:localhost:8080?macaroonFile=a',
    'lnd:ftp://localhost?macaroonFile=a',
    'lnd:https://user:password@localhost?macaroonFile=a',
    'lnd:https://localhost?macaroon=0201036c6e64',
    'lnd:https://localhost?macaroonFile=',
    'lnd:https://localhost?macaroonFile=a&macaroonEnv=B',
    'lnd:https://localhost?macaroonFile=a&runeFile=b',
    'lnd:https://localhost#there?macaroonFile=a',
    `lnd:https://localhost?macaroonFile=${'a'.repeat(4_097)}`,
    'dev:http://localhost',
    'nwc:nostr+walletconnect://abc?secret=def',
    'nwc:wss://relay.example?uriFile=a',
    'constructor:',
    'eclair:http://localhost?passwordFile=a',
  ])('is none: %s', text => {
    expect(read(text)).toBe(null)
  })
})
