import { describe, expect, it } from 'vitest'
import { type Ability, ownWorld, requestIn, testsIn, timeIn, type World } from './world.ts'

const realWorld: World = { ...ownWorld, can: ['delays'], amountMsat: 21_000 }

describe('a test of the Lightning contract', () => {
  it.each<[string, World, readonly Ability[], boolean]>([
    ['that needs nothing', realWorld, [], true],
    ['that needs what there is', realWorld, ['delays'], true],
    ['that needs what there is not', realWorld, ['clock'], false],
    ['that needs both', realWorld, ['delays', 'faults'], false],
    ['in a world of its own', ownWorld, ['clock', 'faults', 'payers', 'fees', 'delays'], true],
  ])('is there where the world can do what it needs: %s', (_case, world, needs, isThere) => {
    expect(testsIn(world)(...needs)).toBe(isThere ? it : undefined)
  })

  it.each<[string, World, number, boolean]>([
    ['the same', ownWorld, 1_000, true],
    ['a second off', ownWorld, 1_001, false],
    ['a little off, by a real clock', realWorld, 1_049, true],
    ['a little before, by a real clock', realWorld, 951, true],
    ['a minute off, by a real clock', realWorld, 1_060, false],
  ])('takes a time for right or not: %s', (_case, world, told, isRight) => {
    const compare = expect({ at: told })
    if (isRight) compare.toEqual({ at: timeIn(world, 1_000) })
    else compare.not.toEqual({ at: timeIn(world, 1_000) })
  })

  it('asks with keys of its own, and for amounts of its world', () => {
    const fixture = { keyPrefix: 'run-1-' }
    const asked = requestIn(realWorld, fixture, { idempotencyKey: 'a' })
    expect(asked).toMatchObject({ idempotencyKey: 'run-1-a', amountMsat: 21_000 })
    expect(requestIn(realWorld, fixture).idempotencyKey).toBe('run-1-invoice-1')
    expect(requestIn(realWorld, { keyPrefix: 'run-2-' }, { idempotencyKey: 'a' }).preimage).not.toBe(asked.preimage)
    expect(requestIn(realWorld, fixture, { idempotencyKey: '' }).idempotencyKey).toBe('')
    expect(requestIn(ownWorld, {}, { amountMsat: 5 })).toMatchObject({ idempotencyKey: 'invoice-1', amountMsat: 5 })
  })
})
