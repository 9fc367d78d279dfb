import type { LightningFixture } from '../contract.ts'
import { openRemote } from '../open-remote.ts'
import { type ClnServer, startClnServer } from './cln-server.ts'

/** A node with CLNRest before it, and a backend that is connected to it. */
export async function openCln(
  options: Parameters<typeof startClnServer>[2] = {},
): Promise<{ fixture: LightningFixture; server: ClnServer }> {
  const opened: ClnServer[] = []
  const fixture = await openRemote(async (node, now) => {
    const server = await startClnServer(node, now, options)
    opened.push(server)
    return server
  })
  const [server] = opened
  if (server === undefined) throw new Error('no server was started')
  return { fixture, server }
}

/** What was asked of a method, oldest first. */
export function askedOf({ local }: ClnServer, method: string): unknown[] {
  return local.calls.filter(call => call.path === `/v1/${method}`).map(call => JSON.parse(call.body))
}
