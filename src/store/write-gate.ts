import { closeSync, constants, fchownSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryLock, unlock } from 'fs-native-extensions'
import type { WriteGate } from '../../relay/store/write-gate.ts'

/**
 * LMDB as it comes with lmdb 3.5 (`mdb_env_open2`) sets the number of the last transaction, which all processes share, to
 * what the file said a moment ago, whoever opens it. A transaction that was committed in that moment is overwritten by the
 * next one, though it was durable. So nobody opens the data while a transaction is on its way to being visible.
 *
 * Three files are locked, which the kernel undoes for a process that ends: whoever wants to open the data takes `wanted` and
 * waits for `writing`; the writer takes `writing` for a transaction, and only while nobody has `wanted`. It has `present` as
 * long as it has the data open.
 */
export type GateFiles = { readonly wanted: number; readonly writing: number; readonly present: number; close(): void }

/** Opening takes milliseconds; a process that was stopped in the middle of it must not stop the service. */
const maxWaitMs = 10_000
const askAgainMs = 1

/** Opens the files that are locked, whose descriptors these are. Throws when they cannot be made. */
export function openGateFiles(directory: string): GateFiles {
  const openFile = (name: string) => openOrMake(join(directory, `gate.${name}`), statSync(directory))
  const files = { wanted: openFile('wanted'), writing: openFile('writing'), present: openFile('present') }
  return { ...files, close: () => Object.values(files).forEach(closeSync) }
}

/** Root may look at the data of a service that runs as somebody else, who is to be able to open what root has made. */
function openOrMake(path: string, { uid, gid }: { uid: number; gid: number }): number {
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    if (process.geteuid?.() === 0) fchownSync(file, uid, gid)
    return file
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
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
  const { wanted, writing, present, close } = openGateFiles(directory)
  let waitsSinceMs: number | null = null
  const enter = () => {
    if (!tryLock(wanted)) {
      waitsSinceMs ??= nowMs()
      if (nowMs() - waitsSinceMs <= maxWaitMs) return false
      // It may be waiting for this one and go on at any moment.
      tryLock(writing)
      return true
    }
    waitsSinceMs = null
    const isEntered = tryLock(writing)
    unlock(wanted)
    return isEntered
  }
  return {
    enter,
    entered: async () => {
      while (!enter()) await delay(askAgainMs)
      tryLock(present)
    },
    leave: () => unlock(writing),
    close,
  }
}
