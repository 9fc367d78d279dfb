import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { tryLock, unlock, waitForLock } from 'fs-native-extensions'
import { dropUnflushed, type Environment, openEnvironment } from './environment.ts'
import { type GateFiles, openGateFiles } from './write-gate.ts'

type Options = { directory: string; mapSizeBytes: number }

/** Opens the data of a directory for reading, beside a service or without one. Throws when the directory cannot be used. */
export async function openBeside(options: Options): Promise<Environment> {
  const files = gateFilesOf(options.directory)
  if (files === null) return openEnvironment({ ...options, readOnly: true })
  try {
    await enter(files)
    const isAlone = tryLock(files.present)
    if (isAlone && isWritable(join(options.directory, 'data.mdb'))) await dropUnflushed(options)
    const environment = openEnvironment({ ...options, readOnly: true })
    for (const file of [files.present, files.writing, files.wanted]) unlock(file)
    let closed: Promise<void> | undefined
    // The last one to close the data unmakes its locks, and whoever opens it at that moment cannot use them.
    const close = () => {
      closed ??= enter(files).then(environment.close).finally(files.close)
      return closed
    }
    return { ...environment, close }
  } catch (error) {
    files.close()
    throw error
  }
}

async function enter({ wanted, writing }: GateFiles): Promise<void> {
  await waitForLock(wanted)
  await waitForLock(writing)
}

/** `null` on a read-only file system (a snapshot, say), where LMDB does without its own lock file and so changes nothing. */
function gateFilesOf(directory: string): GateFiles | null {
  try {
    return openGateFiles(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EROFS') return null
    throw error
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
