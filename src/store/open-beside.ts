import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryLock, unlock, waitForLock } from 'fs-native-extensions'
import type { WriteGate } from '../../relay/store/write-gate.ts'
import { dropUnflushed, type Environment, openEnvironment } from './environment.ts'

/**
 * LMDB as it comes with lmdb 3.5 (`mdb_env_open2`) sets the number of the last transaction, which all processes share, to
 * what the file said a moment ago, whoever opens it. A transaction that was committed in that moment is overwritten by the
 * next one, though it was durable. So nobody opens the data while a transaction is on its way to being visible.
 *
 * Bytes of a file are locked, which the kernel undoes for a process that ends: whoever wants to open it takes the first
 * and waits for the second; the writer takes the second for a transaction, and only while nobody has the first. The third
 * it has as long as it has the data open.
 */
const file = 'opening'
const [wanted, writing, present] = [0, 1, 2]
/** Opening takes milliseconds; a process that was stopped in the middle of it must not stop the service. */
const maxWaitMs = 10_000
const askAgainMs = 1

/** Opens the data of a directory for reading, beside a service or without one. Throws when the directory cannot be used. */
export async function openBeside(options: { directory: string; mapSizeBytes: number }): Promise<Environment> {
  const descriptor = openGateFile(options.directory)
  const enter = async () => {
    if (descriptor === null) return
    await waitForLock(descriptor, wanted, 1)
    await waitForLock(descriptor, writing, 1)
  }
  const end = () => {
    if (descriptor !== null) closeSync(descriptor)
  }
  try {
    await enter()
    const isAlone = descriptor !== null && tryLock(descriptor, present, 1)
    if (isAlone && isWritable(join(options.directory, 'data.mdb'))) await dropUnflushed(options)
    const environment = openEnvironment({ ...options, readOnly: true })
    if (descriptor !== null) unlock(descriptor, wanted, 3)
    // The last one to close the data unmakes its locks, and whoever opens it at that moment cannot use them.
    const close = () => enter().then(environment.close).finally(end)
    return { ...environment, close }
  } catch (error) {
    end()
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

/** `null` on a read-only file system (a snapshot, say), where LMDB does without its own lock file and so changes nothing. */
function openGateFile(directory: string): number | null {
  try {
    return openSync(join(directory, file), 'a+', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EROFS') return null
    throw error
  }
}

/**
 * The gate of the one process that writes in a directory. It stands open after a while for one that never gets done.
 * `entered` is for what that process writes before it has a writer: databases are made, and their shapes changed.
 */
export function openWriteGate(
  directory: string,
  nowMs: () => number = () => performance.now(),
): WriteGate & { entered(): Promise<void>; close(): void } {
  const descriptor = openSync(join(directory, file), 'a+', 0o600)
  let waitsSinceMs: number | null = null
  const enter = () => {
    if (!tryLock(descriptor, wanted, 1)) {
      waitsSinceMs ??= nowMs()
      if (nowMs() - waitsSinceMs <= maxWaitMs) return false
      // It may be waiting for this one and go on at any moment.
      tryLock(descriptor, writing, 1)
      return true
    }
    waitsSinceMs = null
    const isEntered = tryLock(descriptor, writing, 1)
    unlock(descriptor, wanted, 1)
    return isEntered
  }
  return {
    enter,
    entered: async () => {
      while (!enter()) await delay(askAgainMs)
      tryLock(descriptor, present, 1)
    },
    leave: () => unlock(descriptor, writing, 1),
    close: () => closeSync(descriptor),
  }
}
