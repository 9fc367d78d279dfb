import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevWallet, type DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { feeMsatOf } from '../../../../../src/adapters/lightning/phoenixd/payments.ts'
import { openWallet } from '../../../../../src/open-wallet.ts'
import { runes, startClnServer } from '../cln/cln-server.ts'
import { never, requestOf } from '../invoice-request.ts'
import { linkWallet } from '../linked-wallets.ts'
import { startLndServer } from '../lnd/lnd-server.ts'
import { passwords, startPhoenixdServer } from '../phoenixd/phoenixd-server.ts'

type Kind = 'lnd' | 'cln' | 'phoenixd'

/** A node as the environment names it. */
type LocalNode = {
  /** The wallet setting; its secret is in a file. */
  readonly setting: string
  /** Tells it the preimage of an invoice that it shall make of a hash. */
  learn(preimage: string): void
  /** Its secret allows no more to pay. */
  forbidPaying(): void
  balanceMsat(): Promise<number>
  close(): Promise<void>
}

export type LocalNodes = { readonly wallet: LocalNode; readonly payer: LocalNode; close(): Promise<void> }

const fundsMsat = 1_000_000_000
const routingFeeMsat = 1_500

/**
 * Two local nodes that pay each other, each with the server of its kind before it. Both have been paid before, so that
 * nothing begins at zero. `disturb` makes the wallet's node another one, which is wrong.
 */
export async function startLocalNodes(
  kinds: { readonly wallet: Kind; readonly payer: Kind },
  now: () => number,
  disturb: (node: DevWallet) => DevWallet = node => node,
): Promise<LocalNodes> {
  const directory = mkdtempSync(join(tmpdir(), 'panda-local-nodes-'))
  const open = (name: string) => createDevWallet({ directory: join(directory, name), network: 'regtest', now })
  const [first, second] = [await open('wallet'), await open('payer')]
  const start = (name: 'wallet' | 'payer', node: DevWallet) => startNode(kinds[name], node, now, join(directory, name))
  const feeOf = (kind: Kind) => (kind === 'phoenixd' ? feeMsatOf : () => routingFeeMsat)
  const wallet = await start('wallet', disturb(linkWallet(first, second, now, feeOf(kinds.wallet))))
  const payer = await start('payer', linkWallet(second, first, now, feeOf(kinds.payer)))
  for (const [one, node] of [
    [wallet, first],
    [payer, second],
  ] as const)
    await fund(one, node, now)
  return {
    wallet,
    payer,
    close: async () => {
      for (const one of [wallet, payer, first, second]) await one.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Somebody else pays an invoice that the node makes through its server. */
async function fund({ setting }: LocalNode, node: DevWallet, now: () => number): Promise<void> {
  const options = { directory: tmpdir(), env: {}, now }
  const { backend } = await openWallet({ wallet: setting, network: 'regtest' }, options)
  const request = requestOf({ idempotencyKey: `funds of ${node.nodeId}`, amountMsat: fundsMsat })
  const { status } = await node.receive((await backend.createInvoice(request, never)).paymentHash)
  if (status !== 'settled') throw new Error('the node was not paid')
  await backend.close()
}

async function startNode(kind: Kind, node: DevWallet, now: () => number, directory: string): Promise<LocalNode> {
  const file = join(directory, 'secret')
  const keep = (secret: string) => writeFileSync(file, secret)
  const from = encodeURIComponent(file)
  const balanceMsat = () => node.balanceMsat(never)
  switch (kind) {
    case 'lnd': {
      const { url, macaroon, rights, learn, close } = await startLndServer(node, now)
      keep(macaroon)
      const forbidPaying = () => void rights.delete('offchain:write')
      return { setting: `lnd:${url}?macaroonFile=${from}`, learn, forbidPaying, balanceMsat, close }
    }
    case 'cln': {
      const { url, close } = await startClnServer(node, now)
      keep(runes.all)
      const forbidPaying = () => keep(runes.noPaying)
      return { setting: `cln:${url}?runeFile=${from}`, learn: () => undefined, forbidPaying, balanceMsat, close }
    }
    case 'phoenixd': {
      const { url, close } = await startPhoenixdServer(node, now)
      keep(passwords.full)
      const forbidPaying = () => keep(passwords.limited)
      const setting = `phoenixd:${url}?passwordFile=${from}`
      return { setting, learn: () => undefined, forbidPaying, balanceMsat, close }
    }
    default: {
      const unknown: never = kind
      throw new Error(`there is no local ${String(unknown)}`)
    }
  }
}
