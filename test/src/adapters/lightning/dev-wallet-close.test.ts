import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RootDatabaseOptionsWithPath } from 'lmdb'
import { afterAll, expect, it, vi } from 'vitest'
import { createDevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'

/** As LMDB is after a commit that failed: it waits for a flush that never comes. */
vi.mock('lmdb', async importOriginal => {
  const lmdb = await importOriginal<typeof import('lmdb')>()
  const open = (options: RootDatabaseOptionsWithPath) =>
    Object.assign(lmdb.open(options), { close: () => new Promise<void>(() => {}) })
  return { ...lmdb, open }
})

const directory = mkdtempSync(join(tmpdir(), 'panda-wallet-close-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('closes within seconds though LMDB never does', async () => {
  const wallet = await createDevWallet({ directory, network: 'regtest', now: () => 1_790_000_000 })
  await expect(wallet.close()).resolves.toBeUndefined()
}, 5_000)
