import { wholeShare } from '../../relay/sync/import.ts'
import type { Config } from '../config.ts'
import { callControlStream } from './call-stream.ts'
import { ControlError, controlSocketPath } from './control-socket.ts'
import type { ControlStream } from './control-stream.ts'
import { messageOf } from './failure.ts'
import { createRelayWork, relayStreams } from './relay-handlers.ts'
import { openOffline } from './relay-offline.ts'
import { syncStream } from './relay-sync-stream.ts'

/**
 * Does what a long method of the control socket does: in the service that has the data directory, or here when no process
 * has it. Throws with one sentence when it cannot be done.
 */
export async function workOnRelay(
  config: Config,
  method: 'relay.import' | 'relay.delete' | 'relay.sync',
  params: object,
  { input = none(), tell }: { input?: AsyncIterable<Uint8Array>; tell(progress: unknown): void },
): Promise<unknown> {
  let fault: unknown
  const offline = await openOffline(config, error => {
    fault ??= error
  })
  if (offline === null) {
    try {
      return await callControlStream(controlSocketPath(config.data), method, params, { input, progress: tell })
    } catch (error) {
      if (!isNobody(error)) throw error
      const who = 'another program (a tool such as this one, or the service as it starts or stops)'
      throw new Error(`${who} has the data in ${config.data} open: try again when it is done`, { cause: error })
    }
  }
  try {
    if (method === 'relay.sync' && config.relay.program.command.length > 0) {
      throw new Error('relay.program has a word on what comes in: synchronise while the service runs')
    }
    const { limits } = config.relay
    const { maxEventBytes } = limits
    const now = () => Math.floor(Date.now() / 1_000)
    const streams: Record<string, ControlStream> = {
      ...relayStreams(createRelayWork(offline, { maxEventBytes, share: wholeShare, now, removed: () => undefined })),
      'relay.sync': syncStream(offline.relay, { limits, share: wholeShare, now }),
    }
    const stream = streams[method]
    if (stream === undefined) throw new Error(`there is no ${method}`)
    const reply = await stream(params, { input, tell, signal: new AbortController().signal })
    if (!reply.ok) throw new Error(reply.error)
    return reply.result
  } catch (error) {
    // What went wrong below says more than what came of it.
    throw fault === undefined ? error : new Error(messageOf(fault), { cause: error })
  } finally {
    await offline.close()
  }
}

/** Nobody takes connections to the control socket. */
function isNobody(error: unknown): boolean {
  const cause = error instanceof ControlError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && ['ENOENT', 'ECONNREFUSED'].includes(String(cause.code))
}

async function* none(): AsyncGenerator<Uint8Array> {}
