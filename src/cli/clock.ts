import { type CommandLine, configure, exitCodes } from './command-line.ts'
import { callControl, controlSocketPath } from './control-socket.ts'
import { messageOf } from './failure.ts'

/** `panda clock confirm`: tells the running service that the clock's jump is real, so that time goes on. */
export async function clock(args: readonly string[], line: CommandLine): Promise<number> {
  const configured = configure(args, line)
  if ('exitCode' in configured) return configured.exitCode
  if (configured.rest.length !== 1 || configured.rest[0] !== 'confirm') {
    line.complain('panda: the command is panda clock confirm [--data DIR]')
    return exitCodes.usage
  }
  try {
    await callControl(controlSocketPath(configured.config.data), 'clock.confirm', {})
  } catch (error) {
    line.complain(`panda: ${messageOf(error)}`)
    return exitCodes.failed
  }
  line.print('Confirmed: time goes on.')
  return exitCodes.done
}
