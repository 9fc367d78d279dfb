import type { Random } from '../system/random.ts'

/** Where a process can stop while it writes. */
export type CrashPoint =
  | 'before the transaction'
  | 'inside the transaction'
  | 'after the commit'
  | 'after the flush'
  | 'after an answer'

/** What goes wrong, by chance; nothing does once it is calmed. */
export type Faults = {
  call(): 'answered' | 'not-sent' | 'unanswered' | 'late'
  losesNotice(): boolean
  /** Whether somebody who is not ours, and need not be right, does something else than they should. */
  strangerFails(): boolean
  breaksStream(): boolean
  crashesAt(point: CrashPoint): boolean
  /** Whether the disk takes no more at this commit. */
  fillsDisk(): boolean
  /** Whether a slice is undone and run again, since something beside it failed. */
  runsAgain(): boolean
  losesMessage(): boolean
  /** How often something went wrong that keeps the service from hearing of payments, or from doing something about them. */
  count(): number
  /** Nothing goes wrong from now on. */
  calm(): void
  /** The wallet is away, or is back. */
  setWalletAway(isAway: boolean): void
  setDiskFull(isFull: boolean): void
}

/** Makes the faults of a seed: of each kind there are seeds with none, few and many. */
export function createFaults(random: Random): Faults {
  const level = (usual: number) => random.pick([0, usual, usual, usual * 4])
  const rates = {
    call: level(0.05),
    notice: level(0.1),
    stream: level(0.03),
    crash: level(0.002),
    disk: level(0.003),
    again: level(0.03),
    message: level(0.05),
    stranger: level(0.15),
  }
  let isCalm = false
  let isAway = false
  let isFull = false
  let count = 0
  const happens = (rate: number) => !isCalm && rate > 0 && random.chance(rate)
  const hinders = (rate: number) => {
    const isSo = happens(rate)
    if (isSo) count++
    return isSo
  }
  return {
    call: () => {
      if (isAway && !isCalm) return 'not-sent'
      return hinders(rates.call) ? random.pick(['not-sent', 'unanswered', 'unanswered', 'late']) : 'answered'
    },
    losesNotice: () => hinders(rates.notice),
    strangerFails: () => happens(rates.stranger),
    breaksStream: () => (isAway && !isCalm) || hinders(rates.stream),
    // Answers of strangers are few.
    crashesAt: point => hinders(point === 'after an answer' ? rates.crash * 10 : rates.crash),
    fillsDisk: () => (isFull && !isCalm) || hinders(rates.disk),
    runsAgain: () => happens(rates.again),
    losesMessage: () => happens(rates.message),
    count: () => count,
    calm: () => {
      isCalm = true
    },
    setWalletAway: away => {
      isAway = away
    },
    setDiskFull: full => {
      isFull = full
    },
  }
}
