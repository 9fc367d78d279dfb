import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dispatch } from '../../../src/cli/dispatch.ts'
import { author } from '../../relay/authors.ts'
import { numberOf, parseExposition } from '../../relay/metrics/parse-exposition.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(async () => {
  await service.close()
})

const metric = async (name: string, labels: Record<string, string> = {}) =>
  numberOf(parseExposition((await service.get('/metrics')).body), name, labels)

/** Runs a tool beside the service. */
async function panda(args: string[], input = new PassThrough()): Promise<number> {
  const stdio = { input, write: async () => true }
  const quiet = () => undefined
  return dispatch(['relay', ...args, '--data', service.data], { env: {}, print: quiet, complain: quiet, stdio })
}

it('an import is seen while it is under way, and what the tools delete is counted', async () => {
  const input = new PassThrough()
  const importing = panda(['import'], input)
  while ((await metric('panda_relay_tools', { method: 'relay.import' })) === 0) await new Promise(setImmediate)
  expect(await metric('panda_relay_tools', { method: 'relay.delete' })).toBe(0)
  const events = ['a', 'b', 'c'].map(content => author(1).sign({ content }))
  input.end(events.map(event => `${JSON.stringify(event)}\n`).join(''))
  expect(await importing).toBe(0)
  expect(await metric('panda_relay_tools', { method: 'relay.import' })).toBe(0)

  expect(await panda(['delete', '--filter', '{"kinds":[1]}', '--dry-run'])).toBe(0)
  expect(await metric('relay_events_deleted_total')).toBe(0)
  expect(await panda(['delete', '--filter', '{"kinds":[1]}'])).toBe(0)
  expect(await metric('relay_events_deleted_total')).toBe(3)
  expect(await metric('panda_relay_tools', { method: 'relay.delete' })).toBe(0)
})
