import { existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { NostrEvent } from '../../relay/event.ts'
import { readEntries } from '../../src/store/log.ts'
import { openTemporary } from '../src/store/open-environment.ts'
import { play } from './play.ts'
import { digestTables, type GoldenEntry, type GoldenOutcome, openStage } from './stage.ts'

// Run with tsx and a version number, once per release whose handlers mean something new: npx tsx test/golden/write-golden-log.ts 2
// A golden log that exists is never written again: old logs must go on folding to what they came to when they were written.
const version = process.argv[2] ?? '1'
const vectors = fileURLToPath(new URL('../vectors/', import.meta.url))
const log = `${vectors}golden-log-v${version}.jsonl`
if (existsSync(log)) throw new Error(`${log} exists, and a golden log is written once`)

const { environment, close } = openTemporary()
await play(await openStage(environment))
const written = readEntries(environment, 1, 10_000)
const entries: GoldenEntry[] = written.map(({ time, event }) => ({
  time,
  event: JSON.parse(event.toString()) as NostrEvent,
}))
const outcome: GoldenOutcome = {
  entries: written.map(({ digest }) => digest.toString('hex')),
  tables: digestTables(environment),
}
await close()
writeFileSync(log, entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
writeFileSync(`${vectors}golden-outcome-v${version}.json`, `${JSON.stringify(outcome, null, 1)}\n`)
process.stdout.write(`${log}: ${entries.length} entries\n`)
