/** What can be told to fail; `all` is these and `check`. */
export const faultCalls = ['create', 'lookup', 'stream', 'pay', 'hold', 'all'] as const

/**
 * How: `unavailable` refuses at once, `timeout` does nothing and never answers, `drop-after` does what was asked but
 * loses the answer, `refused` says no to the invoice that was asked for, and is like `unavailable` for other calls. A stream that drops loses the connection on the next settlement it should deliver.
 */
export const faultModes = ['unavailable', 'timeout', 'drop-after', 'refused'] as const

export type FaultMode = (typeof faultModes)[number]

/** A fault to come, `times` times (once unless said; zero takes the call's fault away). */
export type Fault = {
  readonly call: (typeof faultCalls)[number]
  readonly mode: FaultMode
  readonly times?: number
}

/** The faults that are still to come. One per call; a call's own comes before `all`. */
export type Faults = {
  set(fault: Fault): void
  /** The mode of the next fault of a call, without using it up. */
  next(call: Fault['call'] | 'check'): FaultMode | null
  /** The same, and counts it as used. */
  take(call: Fault['call'] | 'check'): FaultMode | null
}

export function createFaults(): Faults {
  const pending = new Map<string, { mode: FaultMode; left: number }>()
  const keyOf = (call: string) => (pending.has(call) ? call : 'all')
  return {
    set: ({ call, mode, times = 1 }) => {
      if (times > 0) pending.set(call, { mode, left: times })
      else pending.delete(call)
    },
    next: call => pending.get(keyOf(call))?.mode ?? null,
    take: call => {
      const key = keyOf(call)
      const fault = pending.get(key)
      if (fault === undefined) return null
      fault.left--
      if (fault.left === 0) pending.delete(key)
      return fault.mode
    },
  }
}
