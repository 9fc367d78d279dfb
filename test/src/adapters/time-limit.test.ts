import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { timeLimit } from '../../../src/adapters/time-limit.ts'
import { collectGarbage } from './collect-garbage.ts'

it('aborts with the reason that a timeout has', async () => {
  const signal = timeLimit(1)
  await new Promise(resolve => signal.addEventListener('abort', resolve))
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
})

it('aborts what was made of it though nothing else knows it', async () => {
  const stopping = new AbortController()
  const aborted = Array.from(
    { length: 20 },
    () => new Promise(resolve => AbortSignal.any([stopping.signal, timeLimit(50)]).addEventListener('abort', resolve)),
  )
  for (let times = 0; times < 3; times++) {
    await delay(1)
    collectGarbage()
  }
  await Promise.all(aborted)
})
