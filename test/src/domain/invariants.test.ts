import fc from 'fast-check'
import { expect, it } from 'vitest'
import { differences } from '../pipeline/verify-log.ts'
import { openService } from '../service.ts'
import { contradictions } from './books.ts'
import { createPlay } from './random-play.ts'
import { anyStep, settings } from './random-steps.ts'

it('whatever three customers do, money, names, indices and results stay consistent, and the log tells it all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 15, maxLength: 45, size: 'max' }), async steps => {
      const service = await openService(settings)
      try {
        const { play, sent } = createPlay(service)
        for (const step of steps) {
          await play(step)
          expect(contradictions(service.environment)).toEqual([])
        }
        await service.advance(61)
        const results = service.sent.filter(event => event.kind === 2411).map(event => event.tags[0]?.[1])
        expect(results.sort()).toEqual(sent.map(event => event.id).sort())
        expect(contradictions(service.environment)).toEqual([])
        expect(service.errors).toEqual([])
        expect(await differences(service.environment, service.signer)).toEqual([])
      } finally {
        await service.close()
      }
    }),
    // Shrinking a failure could go on for minutes: what it has come to by then is told.
    { numRuns: 12, interruptAfterTimeLimit: 30_000 },
  )
}, 60_000)
