import { wholeShare } from '../../relay/sync/import.ts'
import type { Config } from '../config.ts'
import { callControlStream } from './call-stream.ts'
import { controlSocketPath } from './control-socket.ts'
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
    return callControlStream(controlSocketPath(config.data), method, params, { input, progress: tell })
  }
  try {
    if (method === 'relay.sync' && config.relay.program.command.length > 0) {
      throw new Error('relay.program has a word on what comes in: synchronise while the service runs')
    }
    const { limits } = config.relay
    const { maxEventBytes } = limits
    const now = () => Math.floor(Date.now() / 1_000)
    const streams: Record<string, ControlStream> = {
      ...relayStreams(createRelayWork(offline, { maxEventBytes, share: wholeShare, now })),
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

async function* none(): AsyncGenerator<Uint8Array> {}
