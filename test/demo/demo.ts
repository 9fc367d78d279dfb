import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setStage } from './stage.ts'
import { registerSteps } from './steps/register.ts'
import { useSteps } from './steps/use.ts'
import { play } from './timeline.ts'

/** `npm run demo`: a customer's whole way with the service that was just started, on data that is thrown away. */
const timeLimitMs = 60_000

const directory = mkdtempSync(join(tmpdir(), 'panda-demo-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
// An interrupted demo ends like any other, so that the listeners on `exit` clean up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const print = (line: string) => console.log(line)
const nowMs = () => performance.now()
const limit = AbortSignal.timeout(timeLimitMs)
limit.addEventListener('abort', () => {
  // The step under way says so; a start that hangs has nobody to say it.
  setTimeout(() => process.exit(1), 1_000)
})

try {
  const startedMs = nowMs()
  const stage = await setStage(directory)
  print(`demo: Panda runs at ${stage.panda.httpUrl} after ${Math.round(nowMs() - startedMs)} ms`)
  const steps = [...registerSteps(stage), ...useSteps(stage)]
  const { ok, summary } = await play(steps, { print, nowMs, signal: limit })
  if (!ok && stage.panda.log() !== '') print(`the service logged:\n${stage.panda.log()}`)
  print(summary)
  stage.alice.close()
  await stage.panda.stop()
  process.exit(ok ? 0 : 1)
} catch (error) {
  print(`demo: could not begin: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
