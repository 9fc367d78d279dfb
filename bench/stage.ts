import { rmSync } from 'node:fs'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { prepareLoad } from './child.ts'
import { loadNotes } from './load-notes.ts'
import { createNotes, type Notes, secondsApart, signedNotesFile } from './notes.ts'
import type { BenchOptions, OtherRelay } from './options.ts'
import { createReport, type Report } from './report.ts'
import { createDataDirectory, startServer } from './server.ts'
import { type LoopDelay, openTrial, type Trial } from './trial.ts'

/** A relay, the notes that it holds and will hold, and where figures go. */
export type Stage = {
  readonly notes: Notes
  readonly small: boolean
  readonly report: Report
  /** For files that live as long as the stage. */
  readonly directory: string
  /** Where the data of our server is, for floors; another relay's is its own business. */
  readonly data: string | undefined
  /** How many notes the relay holds: these are the first so many. */
  stored(): number
  /** Has the relay hold so many, if there are fewer. */
  fill(count: number): Promise<void>
  /** Says that so many more are going to be written, and gives the number of the first. */
  claim(count: number): number
  /** Claims so many and gives them as a file, to be published in this order. */
  fresh(count: number): string
  /** Lets a part measure the relay; ours is a new process each time. */
  play<T>(name: string, part: (trial: Trial) => Promise<T>): Promise<T>
  /** How late the event loop was while parts measured, and how many notes the relay had been filled with. */
  delays(): readonly PartDelay[]
  close(): void
}

export type PartDelay = LoopDelay & { readonly part: string; readonly stored: number }

/** How many notes are sent to another relay at a time: as many as fit in a file that is read at once. */
const loadedAtOnce = 50_000
/** As many notes as all parts will ever publish to another relay, with and without a million before. */
const mostNotes = { few: 300_000, million: 1_300_000 }

/** Makes the stage for our server, or for another relay, whose notes end near now: many refuse old ones. */
export async function openStage(bench: string, options: BenchOptions): Promise<Stage> {
  const { million, small, profileDirectory, other, print } = options
  const secp = await loadSecp256k1()
  const span = (million ? mostNotes.million : mostNotes.few) * secondsApart
  const notes = createNotes(secp, ...(other === undefined ? [] : [Math.floor(Date.now() / 1_000) - span]))
  const { path: directory, remove } = createDataDirectory()
  const delays: PartDelay[] = []
  let stored = 0
  let filled = 0

  const claim = (count: number): number => {
    stored += count
    return stored - count
  }
  const fresh = (count: number): string =>
    signedNotesFile(notes, claim(count), count, other === undefined ? undefined : directory)

  const measure = async <T>(name: string, trial: Trial, part: (trial: Trial) => Promise<T>): Promise<T> => {
    const value = await part(trial)
    const delay = trial.delay()
    if (delay !== undefined) delays.push({ ...delay, part: name, stored: filled })
    return value
  }

  return {
    notes,
    small,
    report: createReport(bench, other === undefined ? { verifier: secp.implementation } : { relay: other.url }, print),
    directory,
    data: other === undefined ? directory : undefined,
    stored: () => stored,
    fill: async count => {
      if (count <= stored) return
      if (other === undefined) await loadNotes(directory, notes, stored, count)
      while (other !== undefined && stored < count) {
        const next = Math.min(loadedAtOnce, count - stored)
        await publish(other, fresh(next), next)
      }
      stored = count
      filled = count
    },
    claim,
    fresh,
    play: async (name, part) => {
      if (other !== undefined) return measure(name, openTrial(other), part)
      const server = await startServer(directory, profileDirectory)
      if (server.verifier !== secp.implementation) throw new Error(`the server verifies with ${server.verifier}`)
      try {
        return await measure(name, openTrial(server), part)
      } finally {
        await server.stop()
      }
    },
    delays: () => delays,
    close: remove,
  }
}

async function publish({ port, path }: OtherRelay, file: string, count: number): Promise<void> {
  const task = { kind: 'publish', port, path, file, first: 0, count, clients: 4, inFlight: 200 } as const
  await (await prepareLoad(task)).run()
  rmSync(file)
}
