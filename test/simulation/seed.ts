import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { type Environment, openEnvironment } from '../../src/store/environment.ts'
import { readHead } from '../../src/store/log.ts'
import { createRandom } from '../system/random.ts'
import type { Actor } from './actors/actor.ts'
import { buyer } from './actors/buyer.ts'
import { operator } from './actors/operator.ts'
import { owner } from './actors/owner.ts'
import { payer } from './actors/payer.ts'
import { saver } from './actors/saver.ts'
import { squatter } from './actors/squatter.ts'
import { decideAll, treasurer } from './actors/treasurer.ts'
import { trouble } from './actors/trouble.ts'
import { walletOwner } from './actors/wallet-owner.ts'
import { clearTables } from './audit.ts'
import { createStandInSecp } from './stand-in-secp.ts'
import { type Cryptography, realSigners, standInSigners } from './stand-in-signer.ts'
import { createWorld } from './world.ts'

/** Whoever acts in a simulation. A new one is a file and its name here. */
const actors: readonly Actor[] = [buyer, payer, saver, squatter, owner, walletOwner, operator, treasurer, trouble]

/** One seed in so many has the real curve, which is slow. */
const realCurveEvery = 50

/** What came of a seed. */
export type SeedReport = {
  readonly seed: number
  /** What was found that may not be; the seed ends with the first step that has some. */
  readonly violations: readonly string[]
  readonly step: number
  /** The hash of the whole log: equal seeds have equal ones. */
  readonly logHash: string
  readonly entries: number
  readonly crashes: number
}

/** Where seeds are run, one after the other. */
export type Stage = { run(seed: number, steps: number): Promise<SeedReport>; close(): Promise<void> }

/** Opens two environments, in memory where the machine has a file system there. */
export async function openStage(): Promise<Stage> {
  const directory = mkdtempSync(join(process.env.PANDA_SIM_DIRECTORY ?? tmpdir(), 'panda-simulation-'))
  const open = (name: string) =>
    openEnvironment({ directory: join(directory, name), mapSizeBytes: 2 ** 28, scratch: true })
  const environment = open('live')
  const scratch = open('scratch')
  const standIn = standInSigners(createStandInSecp())
  const real = realSigners(await loadSecp256k1())
  return {
    run: (seed, steps) =>
      runSeed({ seed, steps, environment, scratch, cryptography: seed % realCurveEvery === 0 ? real : standIn }),
    close: async () => {
      await environment.close()
      await scratch.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function runSeed(options: {
  seed: number
  steps: number
  environment: Environment
  scratch: Environment
  cryptography: Cryptography
}): Promise<SeedReport> {
  const { seed, steps, environment, scratch, cryptography } = options
  clearTables(environment)
  const random = createRandom(seed)
  const world = await createWorld({ cryptography, random, environment, scratch })
  const { violations } = world
  const total = actors.reduce((sum, { weight }) => sum + weight, 0)
  const next = (): Actor => {
    let left = random.whole(total)
    for (const actor of actors) {
      left -= actor.weight
      if (left < 0) return actor
    }
    throw new Error('chance is out of its bounds')
  }
  await world.start()
  let step = 0
  for (; step < steps && violations.length === 0; step++) {
    if (!world.isRunning() && random.chance(0.5)) await world.start()
    await next().act(world)
    await world.pass(random.pick([1, 20, 20, 300, 300, 2_000, 20_000, 120_000]), 1 + random.whole(3))
  }
  if (violations.length === 0) await world.finish(() => decideAll(world))
  const { seq, hash } = readHead(environment)
  const logHash = createHash('sha256').update(hash).digest('hex')
  return { seed, violations: [...violations], step, logHash, entries: seq, crashes: world.crashes() }
}
