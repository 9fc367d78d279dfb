import { afterEach, describe, expect, it } from 'vitest'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { Environment } from './environment.ts'
import { nobodysInvoice } from './invoices.ts'
import { type LocalNodes, startLocalNodes } from './local-nodes.ts'
import { openPair } from './pair.ts'

const now = () => 1_790_000_000
const secret = 'hunter2hunter2'
const somewhere = 'lnd:http://127.0.0.1:1?macaroonEnv=MACAROON'

const openWith = (env: Environment) => openPair({ env, now, wait: () => Promise.resolve(), patienceMs: 300 })

/** Its invoices are of another network. */
const movedTo = (prefix: string) => (node: DevWallet) => ({
  ...node,
  createInvoice: async (...asked: Parameters<DevWallet['createInvoice']>) => {
    const { amountMsat, expirySeconds } = asked[0]
    const { bolt11 } = nobodysInvoice({ prefix, amountMsat, timestamp: now(), expirySeconds })
    return { ...(await node.createInvoice(...asked)), bolt11 }
  },
})

describe('a run against real nodes begins only', () => {
  let nodes: LocalNodes | null = null

  afterEach(async () => {
    await nodes?.close()
    nodes = null
  })
  const startNodes = async (disturb?: (node: DevWallet) => DevWallet) => {
    nodes = await startLocalNodes({ wallet: 'lnd', payer: 'cln' }, now, disturb)
    return nodes
  }

  it.each<[string, Environment, RegExp]>([
    ['with a wallet', {}, /^PANDA_TEST_WALLET is not set: .* lnd:https:\/\//],
    ['with a payer', { PANDA_TEST_WALLET: somewhere }, /^PANDA_TEST_PAYER is not set: .* lnd:https:\/\//],
    ['with a setting', { PANDA_TEST_WALLET: `lnd:${secret}` }, /^PANDA_TEST_WALLET names no wallet/],
    ['with real money', { PANDA_TEST_WALLET: 'dev:' }, /^PANDA_TEST_WALLET names no wallet of a real node/],
    ['with a real payer', { PANDA_TEST_WALLET: somewhere, PANDA_TEST_PAYER: 'dev:' }, /^PANDA_TEST_PAYER names no/],
    ['with secrets', { PANDA_TEST_WALLET: somewhere, PANDA_TEST_PAYER: somewhere }, /in the variable MACAROON/],
  ])('%s', async (_case, env, sentence) => {
    const refusal = await openWith(env).then(String, error => error)
    expect(refusal.message).toMatch(sentence)
    expect(refusal.message).not.toContain(secret)
  })

  it('with two nodes', async () => {
    const { wallet } = await startNodes()
    const env = { PANDA_TEST_WALLET: wallet.setting, PANDA_TEST_PAYER: wallet.setting }
    await expect(openWith(env)).rejects.toThrow('PANDA_TEST_PAYER is the same node as PANDA_TEST_WALLET')
  })

  it('with a payer that may pay', async () => {
    const { wallet, payer } = await startNodes()
    payer.forbidPaying()
    const env = { PANDA_TEST_WALLET: wallet.setting, PANDA_TEST_PAYER: payer.setting }
    await expect(openWith(env)).rejects.toThrow('PANDA_TEST_PAYER may not pay')
  })

  it('with nodes of one network', async () => {
    const { wallet, payer } = await startNodes(movedTo('lntbs'))
    const env = { PANDA_TEST_WALLET: wallet.setting, PANDA_TEST_PAYER: payer.setting }
    await expect(openWith(env)).rejects.toThrow('PANDA_TEST_PAYER is on another network than PANDA_TEST_WALLET')
  })

  it('with leave to spend real money, on mainnet', async () => {
    const { wallet, payer } = await startNodes(movedTo('lnbc'))
    const env = { PANDA_TEST_WALLET: wallet.setting, PANDA_TEST_PAYER: payer.setting }
    await expect(openWith(env)).rejects.toThrow('this is mainnet, where tests spend real money')
    // With leave it gets as far as the next question.
    await expect(openWith({ ...env, PANDA_TEST_MAINNET: '1' })).rejects.toThrow('on another network')
    await expect(openWith({ ...env, PANDA_TEST_MAINNET: 'yes' })).rejects.toThrow('this is mainnet')
  })
})
