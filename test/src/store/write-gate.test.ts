import { chownSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openGateFiles } from '../../../src/store/write-gate.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panda-gate-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const ownerOf = (path: string) => {
  const { uid, gid } = statSync(path)
  return { uid, gid }
}

describe('the files of the gate', () => {
  it('belong to whom the data belongs to, also if root makes them', () => {
    // Only root can give a directory away; for others it is their own.
    if (process.geteuid?.() === 0) chownSync(directory, 12_345, 12_346)
    openGateFiles(directory).close()
    for (const name of ['wanted', 'writing', 'present']) {
      expect(ownerOf(join(directory, `gate.${name}`))).toEqual(ownerOf(directory))
    }
  })

  it('are opened again', () => {
    openGateFiles(directory).close()
    const again = openGateFiles(directory)
    expect(new Set([again.wanted, again.writing, again.present]).size).toBe(3)
    again.close()
  })

  it('are not followed to where somebody wants something given away', () => {
    const file = join(directory, 'of somebody else')
    writeFileSync(file, '')
    const owner = ownerOf(file)
    if (process.geteuid?.() === 0) chownSync(directory, 12_345, 12_346)
    symlinkSync(file, join(directory, 'gate.wanted'))
    expect(() => openGateFiles(directory)).toThrow('ELOOP')
    expect(ownerOf(file)).toEqual(owner)
  })
})
