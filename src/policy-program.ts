import type { Logger } from 'pino'
import { type PolicyProgram, type ProgramNote, startPolicyProgram } from '../relay/policies/program.ts'

/** Starts the operator's policy program, if there is one, and logs what becomes of it. It sees none of our variables. */
export function startOperatorsProgram(
  { command, timeoutMs }: { readonly command: readonly string[]; readonly timeoutMs: number },
  { log, now }: { log: Logger; now(): number },
): PolicyProgram | undefined {
  if (command.length === 0) return undefined
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PANDA_')))
  return startPolicyProgram({
    command,
    timeoutMs,
    env,
    now,
    onNote: note => {
      const { what, ...fields } = note
      // `pid` is the service's own, which the logger puts in every line.
      const named = what === 'started' ? { programPid: note.pid } : fields
      log[levels[what]]({ event: `policy-program.${what}`, ...named })
    },
  })
}

const levels = {
  started: 'info',
  says: 'info',
  ended: 'warn',
  silent: 'warn',
  failed: 'error',
} as const satisfies Record<ProgramNote['what'], string>
