import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { hasRightId, verifySignature } from '../../relay/signatures/verify.ts'
import { compareTables, type Difference, foldLog } from '../pipeline/fold.ts'
import { createSigner } from '../protocol/signer.ts'
import { loadOrCreateKey } from '../service-key.ts'
import { openEnvironment } from '../store/environment.ts'
import { openBeside } from '../store/open-beside.ts'
import { messageOf } from './failure.ts'

/** Address space for either environment; nothing is taken up by what is not used. */
const mapSizeBytes = 64 * 1024 ** 3
const maxReported = 50

/**
 * `panda verify`: folds the log anew in this process, beside a running service or without one, and compares every
 * table. Resolves with the exit code: 0 equal, 1 differences or not possible, 2 wrong usage.
 */
export async function verifyCommand(
  args: string[],
  { dataDirectory, print }: { dataDirectory: string; print(line: string): void },
): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, strict: false })
  if (positionals.length > 0 || args.length > 0) {
    print('panda verify [--data DIR]')
    return 2
  }
  const keyFile = join(dataDirectory, 'service.key')
  if (!existsSync(keyFile)) {
    print(`there is no service key in ${dataDirectory}, so there is nothing to verify`)
    return 1
  }
  try {
    return await verifyDirectory(dataDirectory, loadOrCreateKey(keyFile).secretKey, print)
  } catch (error) {
    print(`verify could not finish: ${messageOf(error)}`)
    return 1
  }
}

async function verifyDirectory(directory: string, secretKey: Buffer, print: (line: string) => void): Promise<number> {
  const secp = await loadSecp256k1()
  const scratch = mkdtempSync(join(tmpdir(), 'panda-verify-'))
  const live = await openBeside({ directory, mapSizeBytes })
  const folded = openEnvironment({ directory: scratch, mapSizeBytes, scratch: true })
  try {
    let differences = 0
    const report = ({ table, key, what }: Difference) => {
      if (++differences <= maxReported) print(`${table} ${key}: ${what}`)
    }
    // One turn of the event loop is one read transaction: all is compared as it was at one moment.
    const isSigned = (event: Parameters<typeof hasRightId>[0]) =>
      hasRightId(event) && verifySignature(event, secp) !== null
    const head = foldLog(live, folded, { signer: createSigner(secp, secretKey), isSigned, report })
    const rows = compareTables(live, folded, report)
    if (differences > maxReported) print(`… and ${differences - maxReported} more`)
    print(
      differences === 0
        ? `verified: ${head.seq} log entries give the ${rows} rows of the tables`
        : `${differences} differences between ${head.seq} log entries and ${rows} rows`,
    )
    return differences === 0 ? 0 : 1
  } finally {
    await folded.close()
    await live.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}
