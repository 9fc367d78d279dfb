import type { Rations } from './admit.ts'
import { createRation } from './ration.ts'

/** How much a stranger may use, as the configuration has it. */
type RationLimits = {
  readonly commandsPerKeyPerMinute: number
  readonly commandsPerIpPerMinute: number
  readonly decryptionsPerIpPerMinute: number
  readonly decryptionsPerSecond: number
  readonly unpaidHoldsPerIp: number
  /** How long an unpaid hold lasts at most; the ration of an address refills over this time. */
  readonly holdSeconds: number
}

/** Makes the rations. Half a minute's worth may be used at once. `nowMs` is monotonic. */
export function createRations(limits: RationLimits, nowMs: () => number): Rations {
  const perMinute = (count: number) =>
    createRation({ perSecond: count / 60, burst: Math.max(1, Math.ceil(count / 2)), nowMs })
  return {
    commandsPerKey: perMinute(limits.commandsPerKeyPerMinute),
    commandsPerIp: perMinute(limits.commandsPerIpPerMinute),
    unpaidOrdersPerIp: createRation({
      perSecond: limits.unpaidHoldsPerIp / limits.holdSeconds,
      burst: limits.unpaidHoldsPerIp,
      nowMs,
    }),
    decryptionsPerIp: perMinute(limits.decryptionsPerIpPerMinute),
    decryptionsInTotal: createRation({
      perSecond: limits.decryptionsPerSecond,
      burst: limits.decryptionsPerSecond,
      nowMs,
    }),
  }
}
