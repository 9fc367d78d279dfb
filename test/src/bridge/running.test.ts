import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { nowSeconds } from '../../end-to-end/envelope.ts'
import { type Served, serveRelay } from '../../relay/serve-relay.ts'
import { type RunningService, runService } from '../metrics/running-service.ts'

let other: Served
let dead: string
let service: RunningService
beforeEach(async () => {
  other = await serveRelay()
  other.time = nowSeconds()
  const gone = await serveRelay()
  dead = gone.url
  await gone.close()
})
afterEach(async () => {
  await service.close()
  await other.close()
})

it('a service with a mirror announces itself there, and tells how it stands with it', async () => {
  service = await runService({ bridge: { relays: [{ url: other.url }] } })
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

it('a service logs once which mirror is not there, and why', async () => {
  service = await runService({ bridge: { relays: [{ url: dead }] } })
  await vi.waitFor(() => expect(service.log).toHaveLength(1), { timeout: 5_000, interval: 20 })
  // It tries again after a second.
  await delay(1_500)
  expect(service.log).toHaveLength(1)
  expect(JSON.parse(service.log[0] ?? '')).toMatchObject({
    event: 'bridge.away',
    relay: dead,
    reason: `connect ECONNREFUSED ${new URL(dead).host}`,
  })
})
