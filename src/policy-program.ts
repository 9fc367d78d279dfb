import type { Logger } from 'pino'
import { type PolicyProgram, type ProgramNote, startPolicyProgram } from '../relay/policies/program.ts'
import { secretVariables } from './config/wallet.ts'

type Program = { readonly command: readonly string[]; readonly timeoutMs: number }

/**
 * Starts the operator's policy program, if there is one, and logs what becomes of it. It sees none of our variables, nor any in
 * which the wallet's secrets are, which have names of the operator's choice.
 */
export function startOperatorsProgram(
  { relay, wallet }: { readonly relay: { readonly program: Program }; readonly wallet: string },
  { log, now }: { log: Logger; now(): number },
): PolicyProgram | undefined {
  const { command, timeoutMs } = relay.program
  if (command.length === 0) return undefined
  const secret = secretVariables(wallet)
  const isShown = (name: string) => !name.startsWith('PANDA_') && !secret.has(name)
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => isShown(name)))
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
