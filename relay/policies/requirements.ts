import type { PolicySettings } from './settings.ts'

/** What clients should know of the policies before they write (NIP-11, `limitation`). */
export type Requirements = {
  /** What is asked of every event, whoever sends it. */
  readonly minPowDifficulty: number
  /** Whether work is asked of some events, at least. */
  readonly asksForWork: boolean
  /** Whether a client has to meet a condition that is not only there against floods and spam. */
  readonly restrictedWrites: boolean
}

export const noRequirements: Requirements = { minPowDifficulty: 0, asksForWork: false, restrictedWrites: false }

/** What policies that all apply ask of a client. */
export function requirementsOf(settings: readonly PolicySettings[]): Requirements {
  const each = settings.map(requirementsOfOne)
  return {
    minPowDifficulty: Math.max(0, ...each.map(({ minPowDifficulty }) => minPowDifficulty)),
    asksForWork: each.some(({ asksForWork }) => asksForWork),
    restrictedWrites: each.some(({ restrictedWrites }) => restrictedWrites),
  }
}

function requirementsOfOne(settings: PolicySettings): Requirements {
  switch (settings.type) {
    case 'all':
      return requirementsOf(settings.of)
    case 'any': {
      // What there is a way around is no requirement.
      const each = settings.of.map(requirementsOfOne)
      return {
        minPowDifficulty: Math.min(...each.map(({ minPowDifficulty }) => minPowDifficulty)),
        asksForWork: each.some(({ asksForWork }) => asksForWork),
        restrictedWrites: each.every(({ restrictedWrites }) => restrictedWrites),
      }
    }
    case 'pow': {
      const isForAll = settings.forKinds === undefined && settings.strangersOnly !== true
      return { minPowDifficulty: isForAll ? settings.bits : 0, asksForWork: settings.bits > 0, restrictedWrites: true }
    }
    case 'allow-authors':
    case 'allow-kinds':
    case 'members':
      return { ...noRequirements, restrictedWrites: true }
    default:
      return noRequirements
  }
}
