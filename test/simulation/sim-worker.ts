import { openStage } from './seed.ts'

/** Runs the seeds that its parent sends, one after the other. */
const stage = await openStage()

process.on('message', ({ seed, steps }: { seed: number; steps: number }) => {
  void stage
    .run(seed, steps)
    .catch((error: unknown) => ({
      seed,
      step: 0,
      logHash: '',
      entries: 0,
      crashes: 0,
      violations: [`the simulation broke: ${describe(error)}`],
    }))
    .then(report => process.send?.(report))
})
process.on('disconnect', () => {
  void stage.close().then(() => process.exit(0))
})
process.send?.('ready')

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
