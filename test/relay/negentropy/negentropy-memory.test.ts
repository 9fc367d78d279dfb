import { describe, expect, it } from 'vitest'
import { createNegentropyMemory } from '../../../relay/negentropy/negentropy-memory.ts'

describe('the memory for all', () => {
  it('is bounded in total and for each network', () => {
    const memory = createNegentropyMemory({ maxNegentropyEvents: 100, maxNegentropyBytes: 41 * 150 })
    expect(memory.take('192.0.2.1', 100)).toBe(true)
    expect(memory.take('192.0.2.1', 1)).toBe(false)
    expect(memory.take('2001:db8::1', 50)).toBe(true)
    expect(memory.take('192.0.2.2', 1)).toBe(false)
    memory.giveBack('192.0.2.1', 60)
    expect(memory.take('2001:db8::2', 51)).toBe(false)
    expect(memory.take('2001:db8::2', 50)).toBe(true)
    expect(memory.events()).toBe(140)
  })
})
