import type { Rations } from '../../../src/pipeline/rations.ts'

/** What was taken of a ration: its name, the key, and how much. */
export type Taken = [name: keyof Rations, key: unknown, cost: number]

/** Rations that last for ever, but for those that are used up, and note what is taken of them. */
export function countedRations(taken: Taken[], usedUp: ReadonlySet<keyof Rations>): Rations {
  const ration =
    (name: keyof Rations) =>
    (key: unknown, cost = 1) => {
      taken.push([name, key, cost])
      return !usedUp.has(name)
    }
  return {
    commandsPerKey: ration('commandsPerKey'),
    commandsPerIp: ration('commandsPerIp'),
    requestsPerIp: ration('requestsPerIp'),
    postsPerIp: ration('postsPerIp'),
    refusalsPerKey: ration('refusalsPerKey'),
    refusalsPerIp: ration('refusalsPerIp'),
    decryptionsPerConnection: ration('decryptionsPerConnection'),
    storedBytesPerKey: ration('storedBytesPerKey'),
    storedBytesPerIp: ration('storedBytesPerIp'),
    decryptionsPerIp: ration('decryptionsPerIp'),
    decryptionsInTotal: ration('decryptionsInTotal'),
  }
}
