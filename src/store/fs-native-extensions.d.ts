declare module 'fs-native-extensions' {
  /** Asks for an exclusive advisory lock on an open file, or on some bytes of it; `false` when another has it. */
  export function tryLock(fd: number, offset?: number, length?: number): boolean
  /** Waits until it has such a lock. */
  export function waitForLock(fd: number, offset: number, length: number): Promise<void>
  export function unlock(fd: number, offset: number, length: number): void
}
