import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDirectory } from '../../../src/store/lock.ts'

let directory: string
let children: ChildProcess[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panda-lock-'))
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

/** Starts a process that takes the lock; gives its first word. */
async function otherProcess(): Promise<{ child: ChildProcess; said: string }> {
  const holder = fileURLToPath(new URL('lock-holder.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', holder, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, said: said.toString().trim() }
}

describe('the lock of a data directory', () => {
  it('is had once, also within one process, until it is released', () => {
    const first = lockDirectory(directory)
    expect(first).not.toBeNull()
    expect(lockDirectory(directory)).toBeNull()
    first?.release()
    const second = lockDirectory(directory)
    expect(second).not.toBeNull()
    second?.release()
  })

  it('is refused to another process while this one has it', async () => {
    const lock = lockDirectory(directory)
    expect((await otherProcess()).said).toBe('refused')
    lock?.release()
  })

  it('is refused while another process lives, and free when it was killed', async () => {
    const { child, said } = await otherProcess()
    expect(said).toBe('locked')
    expect(lockDirectory(directory)).toBeNull()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = lockDirectory(directory)
    expect(lock).not.toBeNull()
    lock?.release()
  })
})
