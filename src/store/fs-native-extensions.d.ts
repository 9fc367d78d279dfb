declare module 'fs-native-extensions' {
  /** Asks for an exclusive advisory lock on an open file; `false` when another file descriptor has it. */
  export function tryLock(fd: number): boolean
  /** Waits until it has such a lock. */
  export function waitForLock(fd: number): Promise<void>
  export function unlock(fd: number): void
}
