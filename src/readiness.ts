import type { Server } from 'node:http'
import type { LightningBackend } from './adapters/lightning/port.ts'
import { timeLimit } from './adapters/time-limit.ts'
import type { Check } from './http/health.ts'
import type { LogClock } from './pipeline/log-clock.ts'
import type { Room } from './store/disk.ts'

const walletTimeoutMs = 3_000

/** What has to work before the service should be sent requests: store, relay, wallet, clock. */
export async function readinessOf(parts: {
  disk: { room(): Room }
  writer: { isBroken(): boolean }
  server: Server
  wallet: LightningBackend
  clock: LogClock
}): Promise<Check[]> {
  const room = parts.disk.room()
  const jump = parts.clock.unconfirmedJumpSeconds()
  return [
    parts.writer.isBroken()
      ? { name: 'store', ok: false, detail: 'the disk failed or does not answer; check it and start again' }
      : { name: 'store', ok: room !== 'facts', detail: storeDetails[room] },
    { name: 'relay', ok: parts.server.listening, detail: parts.server.listening ? 'listening' : 'not listening' },
    await walletCheck(parts.wallet),
    {
      name: 'clock',
      ok: jump === null,
      detail: jump === null ? 'running' : `jumped by ${jump} s; nothing expires until the operator confirms`,
    },
  ]
}

const storeDetails: { readonly [State in Room]: string } = {
  events: 'writable',
  commands: 'short of space: commands only',
  facts: 'short of space: payments only',
}

async function walletCheck(wallet: LightningBackend): Promise<Check> {
  try {
    await wallet.check(timeLimit(walletTimeoutMs))
    return { name: 'wallet', ok: true, detail: 'reachable' }
  } catch {
    // What went wrong is the operator's business; the log has it.
    return { name: 'wallet', ok: false, detail: 'not reachable' }
  }
}
