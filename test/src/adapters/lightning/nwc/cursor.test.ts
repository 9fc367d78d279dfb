import { describe, expect, it } from 'vitest'
import { advance, isTold, readCursor, start, writeCursor } from '../../../../../src/adapters/lightning/nwc/cursor.ts'
import { sha256 } from '../invoice-request.ts'

const wallet = sha256('wallet')
const hash = (number: number) => sha256(`payment ${number}`)
const again = (position: Parameters<typeof writeCursor>[1]) => readCursor(wallet, writeCursor(wallet, position))

describe('a cursor of settlements', () => {
  it('is nothing at the start, where nothing was told', () => {
    expect(writeCursor(wallet, start)).toBe(null)
    expect(readCursor(wallet, null)).toEqual(start)
    expect(isTold(start, hash(1), 0)).toBe(false)
  })

  it('knows what was told of the same second, and what was not', () => {
    const position = again(advance(advance(start, hash(1), 1_000), hash(2), 1_000))
    expect(isTold(position, hash(1), 1_000)).toBe(true)
    expect(isTold(position, hash(2), 1_000)).toBe(true)
    expect(isTold(position, hash(3), 1_000)).toBe(false)
    expect(isTold(position, hash(3), 1_001)).toBe(false)
  })

  it('does not miss what becomes visible late: up to ten minutes', () => {
    const position = again(advance(advance(start, hash(1), 5_000), hash(2), 4_900))
    expect(position.at).toBe(5_000)
    expect(isTold(position, hash(2), 4_900)).toBe(true)
    expect(isTold(position, hash(3), 4_400)).toBe(false)
    expect(isTold(position, hash(3), 4_399)).toBe(true)
  })

  it('forgets what lies further back, which counts as told', () => {
    const position = advance(advance(start, hash(1), 1_000), hash(2), 1_601)
    expect(position.told).toHaveLength(1)
    expect(isTold(position, hash(1), 1_000)).toBe(true)
  })

  it('tells again rather than not at all when there were too many', () => {
    let position = start
    for (let number = 0; number < 100; number++) position = again(advance(position, hash(number), 1_000))
    expect(isTold(position, hash(0), 1_000)).toBe(false)
    expect(isTold(position, hash(36), 1_000)).toBe(true)
    expect(isTold(position, hash(99), 1_000)).toBe(true)
    expect(writeCursor(wallet, position)?.length).toBeLessThan(1_400)
  })

  it('is the same text again', () => {
    const position = advance(advance(start, hash(1), 1_000), hash(2), 1_599)
    expect(again(position)).toEqual(position)
    expect(writeCursor(wallet, position)).toMatch(/^[0-9a-f]{16}:1599:[0-9a-f]{16}-599\.[0-9a-f]{16}-0$/)
  })

  it.each(['1', `${sha256('other').slice(0, 16)}:5:`, `${wallet.slice(0, 16)}:5`, `${wallet.slice(0, 16)}:x:`])(
    'of another wallet, or that is none, is the start: %s',
    text => {
      expect(readCursor(wallet, text)).toEqual(start)
    },
  )
})
