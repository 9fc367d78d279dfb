import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import type { Capabilities, InvoiceRequest, LightningBackend } from '../../../../../src/adapters/lightning/port.ts'
import type { WalletSetting } from '../../../../../src/config/wallet.ts'
import { openWallet } from '../../../../../src/open-wallet.ts'
import { requestOf } from '../invoice-request.ts'
import { type Environment, readTestWallets } from './environment.ts'
import { readSigned } from './invoices.ts'
import { openTally, type Tally } from './tally.ts'

/** What a run has of the world besides its wallets. */
export type Surroundings = {
  readonly env: Environment
  /** Unix seconds. */
  now(): number
  wait(seconds: number): Promise<void>
  /** How long a payment that will not end is waited for. */
  readonly patienceMs: number
  /** Hears of each request before the wallet does. */
  hear?(request: InvoiceRequest): void
}

/** The wallet under test and one of another node. */
export type Pair = {
  readonly kind: WalletSetting['kind']
  readonly capabilities: Capabilities
  /** Opens the wallet under test, once more. */
  openBackend(): Promise<LightningBackend>
  readonly payer: LightningBackend
  readonly payerCapabilities: Capabilities
  readonly nodeId: string
  /** Of invoices of their network. */
  readonly prefix: string
  /** Nobody else's keys and preimages begin so. */
  readonly runKey: string
  readonly tally: Tally
  readonly surroundings: Surroundings
}

const maxAnswerMs = 60_000

/**
 * Opens the two wallets that the environment names and looks at what they are. Throws with one sentence when they cannot be
 * tested: not set, not there, of two networks or of one node, of mainnet without leave, or a payer that may not pay.
 */
export async function openPair(surroundings: Surroundings): Promise<Pair> {
  const { env, now } = surroundings
  const { wallet, kind, payer: payerWallet, allowsMainnet } = readTestWallets(env)
  const open = async (setting: string) =>
    (await openWallet({ wallet: setting, network: 'regtest' }, { directory: tmpdir(), env, now })).backend
  const runKey = randomBytes(16).toString('hex')
  const backend = await open(wallet)
  const payer = await open(payerWallet).catch(async error => {
    await backend.close()
    throw error
  })
  try {
    const capabilities = await backend.capabilities(AbortSignal.timeout(maxAnswerMs))
    const payerCapabilities = await payer.capabilities(AbortSignal.timeout(maxAnswerMs))
    const [mine, other] = [await probe(backend, `${runKey}-wallet`), await probe(payer, `${runKey}-payer`)]
    if (!allowsMainnet && [mine, other].some(({ prefix }) => prefix === 'lnbc')) {
      throw new Error('this is mainnet, where tests spend real money: set PANDA_TEST_MAINNET=1 if that is wanted')
    }
    if (mine.prefix !== other.prefix) throw new Error('PANDA_TEST_PAYER is on another network than PANDA_TEST_WALLET')
    if (mine.nodeId === other.nodeId) throw new Error('PANDA_TEST_PAYER is the same node as PANDA_TEST_WALLET')
    if (!payerCapabilities.pay) throw new Error('PANDA_TEST_PAYER may not pay: give it the rights that paying needs')
    const { nodeId, prefix } = mine
    const opened = { openBackend: () => open(wallet), payer, payerCapabilities, capabilities }
    return { kind, ...opened, nodeId, prefix, runKey, tally: openTally(), surroundings }
  } catch (error) {
    await payer.close()
    throw error
  } finally {
    await backend.close()
  }
}

/** An invoice that nobody will pay tells the network and the node. */
async function probe(backend: LightningBackend, idempotencyKey: string) {
  const request = requestOf({ idempotencyKey, amountMsat: 21_000, description: 'panda test', expirySeconds: 60 })
  return readSigned((await backend.createInvoice(request, AbortSignal.timeout(maxAnswerMs))).bolt11)
}
