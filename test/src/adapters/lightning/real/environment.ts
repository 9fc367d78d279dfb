import { parseWallet, type WalletSetting } from '../../../../../src/config/wallet.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The wallets of a run against real nodes, as the configuration would name them. */
export type TestWallets = {
  readonly wallet: string
  readonly kind: WalletSetting['kind']
  readonly payer: string
  readonly allowsMainnet: boolean
}

const forms =
  'PANDA_TEST_WALLET is the wallet under test and PANDA_TEST_PAYER one of another node, which pays it and is paid by it, ' +
  'each as in the configuration, such as lnd:https://127.0.0.1:8080?macaroonFile=…&certFile=… (see docs/operations.md)'

/** Reads which wallets are tested. Throws with one sentence that says what to set; no setting is in it. */
export function readTestWallets(env: Environment): TestWallets {
  const read = (name: string) => {
    const text = env[name] ?? ''
    const setting = text === '' ? null : parseWallet(text)
    if (setting !== null && setting.kind !== 'dev') return { text, kind: setting.kind }
    const problem = text === '' ? 'is not set' : 'names no wallet of a real node'
    throw new Error(`${name} ${problem}: ${forms}`)
  }
  const wallet = read('PANDA_TEST_WALLET')
  const payer = read('PANDA_TEST_PAYER')
  return {
    wallet: wallet.text,
    kind: wallet.kind,
    payer: payer.text,
    allowsMainnet: env.PANDA_TEST_MAINNET === '1',
  }
}
