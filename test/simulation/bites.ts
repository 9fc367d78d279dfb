import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bug } from './bugs/bug.ts'
import { bugs } from './bugs.ts'

/**
 * `npm run sim:bites`: puts each bug of `bugs/` into a copy of the source and runs the simulation there, which has to fail by
 * the invariant that the bug breaks. Says which seed of at most 400 did.
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const maxSeeds = 400

let missed = 0
for (const bug of bugs) {
  const found = hunt(bug)
  if (found === null || !bug.caughtBy.test(found.violation)) missed++
  console.log(`${bug.name}: ${found === null ? 'NOT CAUGHT' : `seed ${found.seed}: ${found.violation}`}`)
}
console.log(`${bugs.length - missed} bugs caught, ${missed} missed`)
process.exitCode = missed > 0 ? 1 : 0

/** Runs the simulation on a source that has the bug; `null` when no seed failed. */
function hunt(bug: Bug): { seed: string; violation: string } | null {
  const copy = mkdtempSync(join(tmpdir(), 'panda-bug-'))
  try {
    for (const name of ['src', 'relay', 'test', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, name), join(copy, name), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    for (const change of bug.changes) apply(copy, change)
    const tsx = join(root, 'node_modules', '.bin', 'tsx')
    const run = ['test/simulation/sim.ts', '--seeds', String(maxSeeds), '--steps', '500', '--until-failure']
    const { stdout } = spawnSync(tsx, run, { cwd: copy, encoding: 'utf8' })
    const [, seed = '', violation = ''] = /^seed (\d+) failed[^\n]*\n {2}([^\n]*)/m.exec(stdout) ?? []
    return seed === '' ? null : { seed, violation }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function apply(copy: string, { file, find, replace }: Bug['changes'][number]): void {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${file} has changed: ${JSON.stringify(find)} is not there once`)
  writeFileSync(
    path,
    text.replace(find, () => replace),
  )
}
