import { fork } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { SeedReport } from './seed.ts'

/**
 * `npm run sim -- --seeds N --steps M [--seed S]`: runs N seeds from S on (1 if it is not said), as many at once as there are
 * cores. What fails is printed with the command that repeats it. With `--count-file` the result is left there for CI; with
 * `--until-failure` no seed begins after one has failed.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    steps: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    'count-file': { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
  },
})
const first = whole('seed', values.seed, 0)
const seeds = whole('seeds', values.seeds, 1)
const steps = whole('steps', values.steps, 500)

const unreported = { step: 0, logHash: '', entries: 0, crashes: 0 }
const failed: SeedReport[] = []
let next = first
let passed = 0
let entries = 0
let crashes = 0
const begunMs = performance.now()
await Promise.all(Array.from({ length: Math.min(seeds, availableParallelism()) }, work))
const seconds = (performance.now() - begunMs) / 1_000

for (const { seed, step, violations } of failed.sort((a, b) => a.seed - b.seed)) {
  console.log(`seed ${seed} failed at step ${step}:`)
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation.slice(0, 2_000)}`)
  console.log(`  repeat with: npm run sim -- --seeds 1 --steps ${steps} --seed ${seed}`)
}
const speed = Math.round((seeds * steps) / seconds)
console.log(`${entries} log entries, ${crashes} crashes, ${speed} steps a second, ${seconds.toFixed(1)} s`)
console.log(`${passed} seeds passed, ${failed.length} failed`)
if (values['count-file'] !== undefined) {
  writeFileSync(values['count-file'], JSON.stringify({ passed, failed: failed.length }))
}
process.exitCode = failed.length > 0 ? 1 : 0

/** Starts a process and gives it seeds until there are none left. */
function work(): Promise<void> {
  const directory = process.env.PANDA_SIM_DIRECTORY ?? (existsSync('/dev/shm') ? '/dev/shm' : undefined)
  const child = fork(fileURLToPath(new URL('sim-worker.ts', import.meta.url)), {
    // Worlds are made of what lives shortly.
    execArgv: [...process.execArgv, '--max-semi-space-size=64'],
    env: { ...process.env, ...(directory === undefined ? {} : { PANDA_SIM_DIRECTORY: directory }) },
  })
  let under: number | null = null
  return new Promise(resolve => {
    child.on('message', (message: 'ready' | SeedReport) => {
      if (message !== 'ready') count(message)
      const isOver = values['until-failure'] && failed.length > 0
      under = !isOver && next < first + seeds ? next++ : null
      if (under === null) child.disconnect()
      else child.send({ seed: under, steps })
    })
    child.on('exit', () => {
      if (under !== null) count({ ...unreported, seed: under, violations: ['the process that ran it ended'] })
      resolve()
    })
  })
}

function count(report: SeedReport): void {
  if (report.violations.length > 0) failed.push(report)
  else passed++
  entries += report.entries
  crashes += report.crashes
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(`--${name} is a whole number from ${least} on`)
  process.exit(2)
}
