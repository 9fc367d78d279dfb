import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { nowSeconds } from '../../end-to-end/envelope.ts'
import { type Served, serveRelay } from '../../relay/serve-relay.ts'
import { type RunningService, runService } from '../metrics/running-service.ts'

let other: Served
let service: RunningService
beforeEach(async () => {
  other = await serveRelay()
  other.time = nowSeconds()
  service = await runService({ bridge: { relays: [{ url: other.url }] } })
})
afterEach(async () => {
  await service.close()
  await other.close()
})

it('a service with a mirror announces itself there, and tells how it stands with it', async () => {
  const announced = () => other.relay.find({ authors: [service.panda.servicePublicKey], kinds: [12_410, 31_990] })
  await vi.waitFor(() => expect(announced()).toHaveLength(2), { timeout: 5_000, interval: 20 })
  await vi.waitFor(
    async () => {
      const { body } = await service.get('/metrics')
      expect(body).toContain(`panda_bridge_connected{relay="${other.url}"} 1`)
      expect(body).toContain(`panda_bridge_caught_up{relay="${other.url}"} 1`)
      expect(body).toContain(`panda_bridge_queued_events{relay="${other.url}"} 0`)
    },
    { timeout: 5_000, interval: 50 },
  )
  expect(service.log.filter(line => line.includes('bridge'))).toEqual([])
})
