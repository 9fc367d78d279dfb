import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Environment, openEnvironment } from '../../../src/store/environment.ts'
import type { Transactor } from '../../../src/store/transaction.ts'

/** An environment in a directory of its own, and a way to write to it; `close` removes both. */
export function openTemporary(): {
  directory: string
  environment: Environment
  write(change: (tx: Transactor) => void): void
  close(): Promise<void>
} {
  const directory = mkdtempSync(join(tmpdir(), 'panda-store-'))
  const environment = openEnvironment({ directory, mapSizeBytes: 2 ** 28 })
  return {
    directory,
    environment,
    write: change => environment.root.transactionSync(() => change(environment.transactor)),
    close: async () => {
      await environment.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
