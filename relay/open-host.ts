import type { Host } from './host.ts'

/** The host of a relay without an application: every event is welcome, private messages are for their parties. */
export const openHost: Host = {
  admit: () => ({ kind: 'store' }),
  known: () => undefined,
  restrictedKinds: new Set([4, 1059, 21_059]),
  isProtected: () => false,
}
