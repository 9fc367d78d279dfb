import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { pino, stdSerializers } from 'pino'
import { type Panda, startPanda } from '../main.ts'
import { type CommandLine, configure, exitCodes, expectNoMore } from './command-line.ts'
import { messageOf } from './failure.ts'
import { publicUrlsWarning, welcome } from './welcome.ts'

/** `panda start`: runs the service until SIGINT or SIGTERM; a second signal does not wait for anything. */
export async function start(args: readonly string[], line: CommandLine): Promise<number> {
  const configured = configure(args, line, { takesPort: true })
  if ('exitCode' in configured) return configured.exitCode
  if (!expectNoMore(configured.rest, line)) return exitCodes.usage
  const { config } = configured
  // The log goes where complaints go: standard output is the welcome, for people and scripts.
  const log = pino(
    { level: config.log.level, serializers: { error: stdSerializers.err } },
    pino.destination({ dest: 2, sync: true }),
  )
  tuneCollector()
  const stop = onStop()
  let panda: Panda
  try {
    panda = await startPanda(config, { log })
  } catch (error) {
    line.complain(`panda: cannot start: ${messageOf(error)}`)
    stop.forget()
    return exitCodes.failed
  }
  const warning = publicUrlsWarning(config)
  if (warning !== null) log.warn({ event: 'listen.no-public-urls', warning })
  for (const text of welcome(panda, config)) line.print(text)
  await stop.asked
  line.print('Stopping…')
  await panda.close()
  stop.forget()
  line.print('Stopped.')
  return exitCodes.done
}

function tuneCollector(): void {
  // V8 makes objects old at birth where others of their kind have lived long. What they point to is then taken for alive
  // until the next full collection, whatever becomes of them: most of what a request or an event needs.
  setFlagsFromString('--no-allocation-site-pretenuring')
  // V8 collects everything again when there is a fifth more than what was alive, which under load is every other second, and
  // whoever waits then waits three times as long. There may be four times as much, within V8's limit for this machine.
  setFlagsFromString('--heap-growing-percent=300')
  // On two cores, helpers of the garbage collector take more from the other threads than they give: 7 % at full ingest.
  if (availableParallelism() <= 2) setFlagsFromString('--no-parallel-scavenge')
}

/** Resolves `asked` at the first signal; the second ends the process at once, with the code that shells give it. */
function onStop(): { readonly asked: Promise<void>; forget(): void } {
  let asked = () => {}
  let count = 0
  const promise = new Promise<void>(resolve => {
    asked = resolve
  })
  const onSignal = (signal: NodeJS.Signals) => {
    count++
    if (count > 1) process.exit(signal === 'SIGINT' ? 130 : 143)
    asked()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    asked: promise,
    forget: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  }
}
