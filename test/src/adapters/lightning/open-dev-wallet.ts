import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevWallet, type DevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { LightningFixture } from './contract.ts'

export type DevWalletFixture = Omit<LightningFixture, 'backend' | 'reopen'> & {
  /** The wallet that is open now. */
  readonly backend: DevWallet
  readonly directory: string
  /** How long a call told to time out takes. */
  readonly timeoutMs: number
  reopen(): Promise<DevWallet>
}

/** A development wallet in a directory of its own, with a clock that stands still. */
export async function openDevWallet(): Promise<DevWalletFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'panda-dev-wallet-'))
  const timeoutMs = 250
  let time = 1_790_000_000
  const open = () => createDevWallet({ directory, network: 'regtest', now: () => time, timeoutMs })
  let wallet = await open()
  return {
    get backend() {
      return wallet
    },
    directory,
    timeoutMs,
    nodeId: wallet.nodeId,
    prefix: 'lnbcrt',
    now: () => time,
    advance: seconds => {
      time += seconds
    },
    pay: async (bolt11, options = {}) => {
      const outcome = await wallet.receive(bolt11, options)
      if (outcome.status === 'refused') throw new Error(`not paid: ${outcome.reason}`)
    },
    fail: (call, mode) => wallet.fault({ call, mode }),
    refuse: () => wallet.fault({ call: 'create', mode: 'refused' }),
    outsideInvoice: wanted => wallet.outsideInvoice(wanted),
    decide: async (paymentHash, status) => {
      if (!(await wallet.decide(paymentHash, status))) throw new Error('there is no such payment under way')
    },
    reopen: async () => {
      await wallet.close()
      wallet = await open()
      return wallet
    },
    close: async () => {
      await wallet.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
