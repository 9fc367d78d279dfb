import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, small enough to be filled. */
export type SmallDisk = {
  readonly directory: string
  /** Writes a file that leaves so much room; replaces the one written before. */
  leave(bytes: number): void
  /** Takes that file away. */
  free(): void
  unmount(): void
}

const system = (command: string, args: readonly string[]) => execFileSync(command, args)

/** Mounts a file system in memory. Throws without the right to mount. */
export function mountSmallDisk(sizeBytes: number): SmallDisk {
  const directory = mkdtempSync(join(tmpdir(), 'panda-disk-'))
  system('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', directory])
  const filler = join(directory, 'filler')
  const free = () => rmSync(filler, { force: true })
  const left = () => {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  }
  return {
    directory,
    leave: bytes => {
      free()
      const fillBytes = left() - bytes
      if (fillBytes < 0) throw new Error(`only ${left()} bytes are left`)
      // Zeros that are written take up room, unlike those of a file that was only made long.
      writeFileSync(filler, Buffer.alloc(fillBytes))
    },
    free,
    unmount: () => {
      system('umount', [directory])
      rmSync(directory, { recursive: true })
    },
  }
}
