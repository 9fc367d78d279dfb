import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Room, roomFor, usedBytes, watchDisk } from '../../../src/store/disk.ts'
import { tables } from '../../../src/store/tables.ts'
import { openTemporary } from './open-environment.ts'

const gigabyte = 2 ** 30

describe('roomFor', () => {
  const limits = { maxDataBytes: 100 * gigabyte, diskReserveBytes: 2 * gigabyte }
  it.each<{ case: string; used: number; free: number; room: Room }>([
    { case: 'empty', used: 0, free: 500, room: 'events' },
    { case: 'at the margin of the cap', used: 98, free: 500, room: 'events' },
    { case: 'within the margin of the cap', used: 98.01, free: 500, room: 'commands' },
    { case: 'at the cap', used: 100, free: 500, room: 'commands' },
    { case: 'over the cap', used: 100.01, free: 500, room: 'facts' },
    { case: 'free space at the reserve', used: 0, free: 2, room: 'events' },
    { case: 'free space under the reserve', used: 0, free: 1.99, room: 'commands' },
    { case: 'free space at half the reserve', used: 0, free: 1, room: 'commands' },
    { case: 'free space under half the reserve', used: 0, free: 0.99, room: 'facts' },
    { case: 'a full disk', used: 0, free: 0, room: 'facts' },
  ])('$case: $room', ({ used, free, room }) => {
    expect(roomFor({ usedBytes: used * gigabyte, freeBytes: free * gigabyte }, limits)).toBe(room)
  })

  it('keeps a tenth of a small cap as margin', () => {
    const small = { maxDataBytes: gigabyte, diskReserveBytes: 2 * gigabyte }
    const measure = (used: number) => roomFor({ usedBytes: used * gigabyte, freeBytes: 500 * gigabyte }, small)
    expect([0.89, 0.91, 1.01].map(measure)).toEqual(['events', 'commands', 'facts'])
  })
})

describe('a data file', () => {
  let store: ReturnType<typeof openTemporary>
  beforeEach(() => {
    store = openTemporary()
  })
  afterEach(() => store.close())

  const rows = 12_000
  const ticketId = 'ab'.repeat(16)
  const fill = () => {
    const content = 'x'.repeat(1_000)
    for (let first = 0; first < rows; first += 1_000) {
      store.write(tx => {
        for (let index = first; index < first + 1_000; index++) {
          tx.put(tables.ticketMessages, [ticketId, index], { author: '', fromStaff: false, content, time: 0 })
        }
      })
    }
  }
  const clear = () => {
    for (;;) {
      const page = store.environment.reader.range(tables.ticketMessages, [ticketId], { limit: rows })
      if (page.length === 0) return
      store.write(tx => {
        for (const { key } of page) tx.delete(tables.ticketMessages, key)
      })
    }
  }

  it('uses more bytes with data and fewer when it is removed', () => {
    const empty = usedBytes(store.environment)
    fill()
    const full = usedBytes(store.environment)
    expect(full - empty).toBeGreaterThan(rows * 1_000)
    clear()
    expect(usedBytes(store.environment)).toBeLessThan(full - rows * 500)
  })

  it('does not use more when freed room is used again', () => {
    fill()
    const full = usedBytes(store.environment)
    clear()
    fill()
    expect(usedBytes(store.environment)).toBeLessThan(full * 1.2)
  })

  it('is watched: what there is room for changes when the cap is passed, and is told once', async () => {
    const changes: Room[] = []
    const limits = { maxDataBytes: usedBytes(store.environment) + 1_000_000, diskReserveBytes: 0 }
    const onError = (error: unknown) => expect.unreachable(String(error))
    const onChange = (room: Room) => void changes.push(room)
    const disk = watchDisk({ environment: store.environment, directory: store.directory, limits, onChange, onError })
    expect([await disk.look(), disk.room()]).toEqual(['events', 'events'])
    fill()
    expect([await disk.look(), await disk.look(), disk.room()]).toEqual(['facts', 'facts', 'facts'])
    clear()
    expect(await disk.look()).toBe('events')
    disk.stop()
    expect(changes).toEqual(['facts', 'events'])
  })
})
