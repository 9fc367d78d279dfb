import { hash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createDevWallet } from '../src/adapters/lightning/dev-wallet/wallet.ts'
import { deriveRef } from '../src/domain/context.ts'
import { sweepRegularly } from '../src/jobs/settlements.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { tables } from '../src/store/tables.ts'
import { loadedAtOnce, mapSizeBytes } from './load-notes.ts'
import { costOf } from './process-usage.ts'
import type { Report } from './report.ts'
import { createDataDirectory } from './server.ts'

/** The wallet has so many; the tables have all the others by the same payment hashes, which makes no difference to a look-up. */
const differentInvoices = 100
const expirySeconds = 86_400
const everyMs = 300_000
const restMs = 2_000

/** What the sweeper takes of a core while so many invoices are open, and looked up one by one in the development wallet. */
export async function measureSweep(report: Report, openInvoices: number, seconds: number): Promise<void> {
  const data = createDataDirectory()
  const now = Math.floor(Date.now() / 1_000)
  const environment = openEnvironment({ directory: data.path, mapSizeBytes, scratch: true })
  const wallet = await createDevWallet({
    directory: join(data.path, 'wallet'),
    network: 'regtest',
    now: () => Math.floor(Date.now() / 1_000),
  })
  const stopping = new AbortController()
  const { signal } = stopping
  try {
    const paymentHashes: string[] = []
    for (let index = 0; index < differentInvoices; index++) {
      const preimage = hash('sha256', `invoice ${index}`)
      const wanted = { idempotencyKey: `${index}`, preimage, amountMsat: 1_000, description: '', expirySeconds }
      paymentHashes.push((await wallet.createInvoice(wanted, signal)).paymentHash)
    }
    for (let first = 0; first < openInvoices; first += loadedAtOnce) {
      await environment.root.transaction(() => {
        for (let index = first; index < first + loadedAtOnce; index++) {
          const commandId = index.toString(16).padStart(64, '0')
          const invoiceId = deriveRef({ time: now, commandId }, 'invoice')
          const paymentHash = paymentHashes[index % differentInvoices] ?? null
          environment.transactor.put(tables.invoices, [invoiceId], {
            ...({ status: 'open', orderId: invoiceId, account: commandId, amountMsat: 1_000, createdAt: now } as const),
            ...{ bolt11: null, paymentHash, expiresAt: now + expirySeconds, receivedMsat: null, settledAt: null },
            ...{ hold: true, creditMsat: 0, replaces: null },
          })
          environment.transactor.put(tables.unsettledInvoices, [now + expirySeconds, invoiceId], {})
        }
      })
    }
    let lookedUp = 0
    const backend: typeof wallet = {
      ...wallet,
      lookUpInvoice: (paymentHash, waits) => {
        lookedUp++
        return wallet.lookUpInvoice(paymentHash, waits)
      },
    }
    const failed = (error: unknown) => {
      throw error
    }
    // What loading has left to do is not the sweeper's.
    await delay(restMs)
    const { cpuMs, wallMs } = await costOf(async () => {
      const appendFact = () => Promise.reject(new Error('nobody has paid'))
      const sweeping = sweepRegularly({
        environment,
        walletId: 'bench',
        backend,
        appendFact,
        signal,
        onError: failed,
        now: () => now,
        everyMs,
      })
      await delay(seconds * 1_000)
      stopping.abort()
      await sweeping
    })
    const stored = openInvoices
    report.add({ figure: 'sweep of open invoices', value: (lookedUp * 1_000) / wallMs, unit: '1/s', stored })
    const share = (cpuMs / wallMs) * 100
    report.add({ figure: 'sweep: share of a core', value: share, unit: '%', stored, target: { atMost: 1 } })
  } finally {
    await wallet.close()
    await environment.close()
    data.remove()
  }
}
