import { createPacedQueue } from '../paced-queue.ts'

/** Things that are looked at once a round, a few of them at a time: all at once would hold up everything else. */
export type Rounds<T> = {
  add(member: T): void
  remove(member: T): void
  stop(): void
}

const steps = 200
/** Those who have come together are looked at together, and may be hundreds. */
const budgetMs = 1

/** Makes the rounds, of so many milliseconds each. A member is first looked at a round after it came, or a little less. */
export function createRounds<T>(roundMs: number, look: (member: T) => void): Rounds<T> {
  const groups = Array.from({ length: steps }, () => new Set<T>())
  const groupOf = new Map<T, Set<T>>()
  const waiting = createPacedQueue<T>({
    budgetMs,
    handle: member => {
      if (groupOf.has(member)) look(member)
    },
  })
  let at = 0
  const timer = setInterval(() => {
    at = (at + 1) % steps
    for (const member of groups[at] ?? []) waiting.push(member)
  }, roundMs / steps)
  timer.unref()
  return {
    add: member => {
      const group = groups[at]
      if (group === undefined) return
      group.add(member)
      groupOf.set(member, group)
    },
    remove: member => {
      groupOf.get(member)?.delete(member)
      groupOf.delete(member)
    },
    stop: () => clearInterval(timer),
  }
}
