import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { verifyEvent } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import { encodeEvent, tagValue } from '../../relay/event.ts'
import { commandMethods } from '../../src/pipeline/catalog.ts'
import { type Difference, foldLog } from '../../src/pipeline/fold.ts'
import { rulesVersion } from '../../src/pipeline/handle.ts'
import { appendEntry, readEntries, startOfLog } from '../../src/store/log.ts'
import { contradictions } from '../src/domain/books.ts'
import { openTemporary } from '../src/store/open-environment.ts'
import { play } from './play.ts'
import { digestTables, type GoldenEntry, type GoldenOutcome, goldenSigner, openStage } from './stage.ts'

const vectors = fileURLToPath(new URL('../vectors/', import.meta.url))
const versions = readdirSync(vectors).flatMap(file => /^golden-log-v(\d+)\.jsonl$/.exec(file)?.[1] ?? [])

function readGolden(version: string): { entries: GoldenEntry[]; outcome: GoldenOutcome } {
  const lines = readFileSync(`${vectors}golden-log-v${version}.jsonl`, 'utf8').trimEnd().split('\n')
  const outcome = JSON.parse(readFileSync(`${vectors}golden-outcome-v${version}.json`, 'utf8')) as GoldenOutcome
  return { entries: lines.map(line => JSON.parse(line) as GoldenEntry), outcome }
}

/** Folds golden entries, with the digests they should have, and says what differs and what the tables come to. */
async function fold({ entries, outcome }: ReturnType<typeof readGolden>) {
  const [source, target] = [openTemporary(), openTemporary()]
  source.environment.root.transactionSync(() => {
    let head = startOfLog()
    for (const [index, { time, event }] of entries.entries()) {
      const digest = Buffer.from(outcome.entries[index] ?? '', 'hex')
      head = appendEntry(source.environment, head, {
        time,
        rulesVersion,
        mayHold: true,
        digest,
        event: encodeEvent(event),
      })
    }
  })
  const differences: Difference[] = []
  const report = (difference: Difference) => differences.push(difference)
  const head = foldLog(source.environment, target.environment, {
    signer: goldenSigner,
    isSigned: event => verifyEvent(event),
    report,
  })
  const digests = digestTables(target.environment)
  await Promise.all([source.close(), target.close()])
  return { differences, digests, length: head.seq }
}

describe.each(versions)('golden log %s', version => {
  const golden = readGolden(version)

  it('folds to the outcomes and tables that it came to when it was written', async () => {
    const { differences, digests, length } = await fold(golden)
    expect(differences).toEqual([])
    expect(length).toBe(golden.outcome.entries.length)
    expect(digests).toEqual(golden.outcome.tables)
  })

  it('would be found to fold to something else', async () => {
    const altered = golden.outcome.entries.map((digest, index) => (index === 20 ? '00'.repeat(32) : digest))
    const { differences } = await fold({ ...golden, outcome: { ...golden.outcome, entries: altered } })
    expect(differences).toEqual([{ table: 'log', key: '21', what: 'the outcome differs' }])
  })
})

describe('the play behind the newest golden log', () => {
  const newest = String(Math.max(...versions.map(Number)))

  it('uses every method', () => {
    const used = new Set(readGolden(newest).entries.map(({ event }) => tagValue(event, 'method')))
    expect(commandMethods.map(method => method.declaration.name).filter(name => !used.has(name))).toEqual([])
  })

  it('is played the same again', async () => {
    const { environment, close } = openTemporary()
    await play(await openStage(environment))
    const entries = readEntries(environment, 1, 10_000)
    const digests = digestTables(environment)
    expect(contradictions(environment)).toEqual([])
    await close()
    const { outcome, entries: golden } = readGolden(newest)
    expect(entries.map(({ event }) => event.toString())).toEqual(golden.map(({ event }) => encodeEvent(event)))
    expect(entries.map(({ digest }) => digest.toString('hex'))).toEqual(outcome.entries)
    expect(digests).toEqual(outcome.tables)
  })

  it('leaves a row in nearly every table', () => {
    expect(Object.keys(readGolden(newest).outcome.tables)).toEqual(
      expect.arrayContaining([
        'identifiers',
        'invoices',
        'orders',
        'postings',
        'tickets',
        'released',
        'by-account',
        'wallet-cursors',
      ]),
    )
  })
})
