import type { Policy } from './policy.ts'

/** At most so many tags, of this name or in all. */
export function preventManyTags(max: number, name?: string): Policy {
  if (name === undefined) {
    return ({ tags }) => (tags.length > max ? `blocked: this relay takes at most ${max} tags` : null)
  }
  return ({ tags }) => {
    if (tags.length <= max) return null
    let count = 0
    for (const tag of tags) if (tag[0] === name) count++
    return count > max ? `blocked: this relay takes at most ${max} tags "${name}"` : null
  }
}
