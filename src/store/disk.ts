import { statfs } from 'node:fs/promises'
import type { Environment } from './environment.ts'

/** What the disk still takes: everything, commands but no ordinary events, or facts only (money must come in). */
export type Room = 'events' | 'commands' | 'facts'

/** Bytes of the data file that hold something, free pages left out. */
export function usedBytes(environment: Environment): number {
  const { pageSize, lastPageNumber, free } = environment.root.getStats() as {
    pageSize: number
    lastPageNumber: number
    free: { overflowPages: number; treeLeafPageCount: number; entryCount: number }
  }
  // The free list stores page numbers of 8 bytes in its own pages; what it lists is reused before the file grows.
  const freeListPages = free.overflowPages + free.treeLeafPageCount
  const freePages = free.overflowPages > 0 ? (freeListPages * pageSize) / 8 : 0
  return Math.max(0, (lastPageNumber + 1) * pageSize - freePages * pageSize)
}

/** How much room there is by the cap on data and the reserve of the disk. Commands keep half of the reserve. */
export function roomFor(
  measured: { usedBytes: number; freeBytes: number },
  limits: {
    maxDataBytes: number
    diskReserveBytes: number
  },
): Room {
  const { maxDataBytes, diskReserveBytes } = limits
  const margin = Math.min(diskReserveBytes, maxDataBytes / 10)
  if (measured.usedBytes > maxDataBytes || measured.freeBytes < diskReserveBytes / 2) return 'facts'
  if (measured.usedBytes > maxDataBytes - margin || measured.freeBytes < diskReserveBytes) return 'commands'
  return 'events'
}

/** Watches the room on the disk, looking every second. */
export function watchDisk(options: {
  environment: Environment
  directory: string
  limits: { maxDataBytes: number; diskReserveBytes: number }
  onChange(room: Room): void
  onError(error: unknown): void
}): {
  room(): Room
  /** As it was when it was looked at last. */
  measured(): { usedBytes: number; freeBytes: number }
  look(): Promise<Room>
  stop(): void
} {
  let room: Room = 'events'
  let measured = { usedBytes: 0, freeBytes: 0 }
  const look = async () => {
    const { bavail, bsize } = await statfs(options.directory)
    measured = { usedBytes: usedBytes(options.environment), freeBytes: bavail * bsize }
    const now = roomFor(measured, options.limits)
    if (now !== room) options.onChange(now)
    room = now
    return room
  }
  const timer = setInterval(() => void look().catch(options.onError), 1_000)
  timer.unref()
  return { room: () => room, measured: () => measured, look, stop: () => clearInterval(timer) }
}
