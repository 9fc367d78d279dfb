import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../../src/config/problems.ts'
import { loadConfig } from '../../../src/config.ts'

const key = 'b0635d6a9851d3aed0cd6c495b282167acf761729078d975fc341b22650b07b9'

function load(policies: unknown) {
  return loadConfig({ file: undefined, env: { PANDA_RELAY_POLICIES: JSON.stringify(policies) }, flags: {} })
}

describe('relay.policies', () => {
  it.each<[policy: object, as: object]>([
    [
      { type: 'allow-authors', authors: [key.toUpperCase(), key] },
      { type: 'allow-authors', authors: [key] },
    ],
    [
      { type: 'deny-authors', authors: [key], forKinds: [1] },
      { type: 'deny-authors', authors: [key], forKinds: [1] },
    ],
    [
      { type: 'allow-kinds', kinds: [1, '7-9'] },
      { type: 'allow-kinds', kinds: [1, { from: 7, to: 9 }] },
    ],
    ...[
      { type: 'deny-kinds', kinds: [65_535] },
      { type: 'rate', per: 'ip', perMinute: 60, burst: 10 },
      { type: 'pow', bits: 20, strangersOnly: true },
      { type: 'members' },
      { type: 'tags', max: 0, name: 'p' },
      { type: 'words', words: ['免费', 'buy now'] },
      { type: 'any', of: [{ type: 'members' }, { type: 'all', of: [{ type: 'pow', bits: 1 }, { type: 'members' }] }] },
    ].map((policy): [object, object] => [policy, policy]),
  ])('%j is understood', (policy, as) => {
    const loaded = load([policy])
    expect(loaded.ok ? loaded.config.relay.policies : loaded.problems).toEqual([as])
  })

  const list = 'of[0]'
  it.each<[unknown, string]>([
    [7, 'relay.policies[0]: 7 — expected a policy whose type is one of'],
    [{ type: 'what' }, 'relay.policies[0].type: "what" — expected a policy whose type is one of'],
    [{}, 'relay.policies[0].type: nothing — expected a policy whose type is one of'],
    [{ type: 'pow' }, 'relay.policies[0].bits: nothing — expected a whole number from 1 to 128'],
    [{ type: 'pow', bits: 257 }, 'relay.policies[0].bits: 257 — expected a whole number from 1 to 128'],
    [{ type: 'members', members: [] }, 'relay.policies[0].members: (not shown) — expected a known key'],
    [{ type: 'allow-authors', authors: [] }, 'relay.policies[0].authors: [] — expected at least one key'],
    [{ type: 'allow-authors', authors: ['me'] }, 'relay.policies[0].authors[0]: "me" — expected a public key'],
    [{ type: 'allow-kinds', kinds: [] }, 'relay.policies[0].kinds: [] — expected at least one kind'],
    [{ type: 'allow-kinds', kinds: ['9-7'] }, 'relay.policies[0].kinds[0]: "9-7" — expected a kind, as in 1'],
    [{ type: 'allow-kinds', kinds: ['1-65536'] }, 'relay.policies[0].kinds[0]: "1-65536" — expected a kind, as in 1'],
    [{ type: 'members', forKinds: [-1] }, 'relay.policies[0].forKinds[0]: -1 — expected a kind, as in 1'],
    [{ type: 'rate', per: 'day', perMinute: 1 }, 'relay.policies[0].per: "day" — expected one of key, ip, connection'],
    [{ type: 'words', words: ['\u200b'] }, 'expected a word or phrase that can be seen'],
    [{ type: 'words', words: ['x'.repeat(101)] }, 'expected a word or phrase, of at most 100 characters'],
    [{ type: 'any', of: [] }, 'relay.policies[0].of: [] — expected at least one policy'],
    [{ type: 'any', of: [{ type: 'any', of: [] }] }, `relay.policies[0].${list}.type: "any" — expected a policy`],
  ])('%j is refused', (policy, expected) => {
    const loaded = load([policy])
    const lines = loaded.ok ? [] : loaded.problems.map(problem => formatProblem({ ...problem, source: problem.path }))
    expect(lines).toEqual([expect.stringContaining(expected)])
  })
})

describe('relay.program', () => {
  it('is none by default, and a list of a program and its arguments', () => {
    const load = (command?: string) =>
      loadConfig({ file: undefined, env: { PANDA_RELAY_PROGRAM_COMMAND: command }, flags: {} })
    const commandOf = (text?: string) => {
      const loaded = load(text)
      return loaded.ok ? loaded.config.relay.program.command : loaded.problems
    }
    expect(commandOf()).toEqual([])
    expect(commandOf('/opt/policy')).toEqual(['/opt/policy'])
    expect(commandOf('["/opt/a policy", "-v"]')).toEqual(['/opt/a policy', '-v'])
    expect(commandOf('["sh", "-c", "a\\nb", ""]')).toEqual(['sh', '-c', 'a\nb', ''])
    expect(commandOf('[""]')).toMatchObject([{ path: 'relay.program.command' }])
    expect(commandOf('["a\\u0000b"]')).toMatchObject([{ path: 'relay.program.command[0]' }])
    expect(commandOf('[7]')).toMatchObject([{ path: 'relay.program.command[0]' }])
  })
})
