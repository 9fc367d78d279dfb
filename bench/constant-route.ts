import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Message } from './child.ts'
import { benchDomain } from './server.ts'

/** An answer as long as that to a lookup, always the same. */
const key = 'b0635d6a9851d3aed0cd6c495b282167acf761729078d975fc341b22650b07b9'
const answer = { names: { n000000: key }, relays: { [key]: [`ws://localhost:4848`] } }

/** The process with a route that looks nothing up: what HTTP itself costs here. */
export function runConstantRoute(): void {
  const app = new Hono()
  app.get('/.well-known/nostr.json', c => {
    c.header('access-control-allow-origin', '*')
    c.header('cache-control', 'public, max-age=3600')
    c.header('etag', `"${benchDomain}"`)
    return c.json(answer)
  })
  const server = createServer(getRequestListener(app.fetch))
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    process.send?.({ type: 'ready', port } satisfies Message)
  })
  process.once('disconnect', () => process.exit())
}
