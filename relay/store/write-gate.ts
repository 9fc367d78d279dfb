/** Keeps transactions and others who use the same file out of each other's way. */
export type WriteGate = {
  /** Before a transaction begins; `false` when it has to wait, and is to ask again. */
  enter(): boolean
  /** When it is visible, or known to have failed. */
  leave(): void
}

/** For data that nobody else opens. */
export const openGate: WriteGate = { enter: () => true, leave: () => undefined }
