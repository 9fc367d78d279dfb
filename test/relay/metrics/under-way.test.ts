import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import type { Origin } from '../../../relay/host.ts'
import { exposeRelay } from '../../../relay/metrics/expose.ts'
import { createExposition } from '../../../relay/metrics/exposition.ts'
import type { PolicyProgram } from '../../../relay/policies/program.ts'
import { author } from '../authors.ts'
import { firstMessage } from '../negentropy/negentropy-client.ts'
import { openTemporaryRoot } from '../open-temporary.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { numberOf, parseExposition } from './parse-exposition.ts'

const alice = author(1)
let served: Served | undefined
afterEach(async () => {
  await served?.close()
  served = undefined
})

async function serve(options: Parameters<typeof serveRelay>[0] = {}): Promise<Served> {
  served = await serveRelay(options)
  return served
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 5_000; !isTrue(); ) {
    if (performance.now() > endMs) throw new Error('it did not happen')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

describe('reconciliations', () => {
  it('are counted while they are open, however they end', async () => {
    const { metrics, connect } = await serve({ limits: { maxSubscriptions: 2 } })
    const client = await connect()
    await client.publish(alice.sign())
    for (const id of ['a', 'b', 'c']) client.send('NEG-OPEN', id, {}, firstMessage([]))
    await until(() => client.unread.length === 3)
    expect(metrics.reconciliations).toBe(2)
    client.send('NEG-OPEN', 'a', {}, firstMessage([]))
    client.send('NEG-CLOSE', 'b')
    await until(() => client.unread.length === 4)
    expect(metrics.reconciliations).toBe(1)
    client.socket.terminate()
    await until(() => metrics.reconciliations === 0)
  })
})

describe('removals', () => {
  it('are seen as pending until they are done', async () => {
    const { relay, connect } = await serve()
    await (await connect()).publish(alice.sign())
    const origin: Origin = { source: 'client', ip: '192.0.2.1', authenticated: new Set() }
    const pending = await new Promise(resolve => {
      const wish = alice.sign({ kind: 62, tags: [['relay', 'ALL_RELAYS']] })
      relay.submit(wish, origin, () => resolve(relay.stats().removalsPending))
    })
    expect(pending).toBe(1)
    await until(() => relay.stats().removalsPending === 0)
  })
})

describe('the index of words', () => {
  it('is told of when it begins to be made and when it is whole, not when the relay closes before', async () => {
    const data = openTemporaryRoot()
    const serveAs = async (searchedKinds: number[], isUnderWay: (is: boolean) => void) =>
      serve({ data, searchedKinds, onIndexing: isUnderWay })
    const told: unknown[] = []
    const tell = (of: string) => (isUnderWay: boolean) => void told.push([of, isUnderWay])
    const first = await serveAs([1], tell('first'))
    await until(() => !first.relay.stats().isIndexing)
    await first.close()
    const second = await serveAs([1], tell('second'))
    await second.close()
    const third = await serveAs([1, 30_023], tell('third'))
    await third.close()
    await data.close()
    served = undefined
    expect(told).toEqual([
      ['first', true],
      ['first', false],
      ['third', true],
    ])
  })
})

describe('a policy program', () => {
  const exposed = async ({ relay, writer, metrics, writerMetrics }: Served) => {
    const registry = new Registry()
    const errors: unknown[] = []
    exposeRelay(
      createExposition(registry, error => errors.push(error)),
      { relay, writer, metrics, writerMetrics },
    )
    const text = await registry.metrics()
    expect(errors).toEqual([])
    return parseExposition(text)
  }

  it('is exposed as it does', async () => {
    const state = { isUp: true, waiting: 7, timeouts: 3, restarts: 2 }
    const program: PolicyProgram = { ask: () => undefined, state: () => state, close: async () => undefined }
    const families = await exposed(await serve({ program }))
    expect(numberOf(families, 'relay_unjudged_events')).toBe(7)
    expect(numberOf(families, 'relay_policy_program_up')).toBe(1)
    expect(numberOf(families, 'relay_policy_program_timeouts_total')).toBe(3)
    expect(numberOf(families, 'relay_policy_program_restarts_total')).toBe(2)
  })

  it('that is not there is not said to be down', async () => {
    const families = await exposed(await serve())
    expect(() => numberOf(families, 'relay_policy_program_up')).toThrow()
  })
})
