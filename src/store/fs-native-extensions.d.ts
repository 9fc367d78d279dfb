declare module 'fs-native-extensions' {
  /** Asks for an exclusive advisory lock on an open file; `false` when another file descriptor has it. */
  export function tryLock(fd: number): boolean
}
