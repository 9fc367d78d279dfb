import { startFloorServer } from './child.ts'
import type { Target } from './report.ts'
import type { Stage } from './stage.ts'
import { openTrial, type Trial } from './trial.ts'

const crowds = [
  { sockets: 1_000, subscriptions: 1, atMost: 12 },
  { sockets: 100, subscriptions: 10, atMost: 4 },
]

/** One event to many subscriptions, one event after another, beside a loop that sends each to everybody. */
export async function measureFanOut(stage: Stage): Promise<void> {
  const { report, small } = stage
  const warmUpCount = small ? 5 : 20
  const count = small ? 20 : 300
  await stage.play('fan-out', async trial => {
    for (const { sockets, subscriptions, atMost } of crowds) {
      const stored = stage.stored()
      const file = stage.fresh(warmUpCount + count)
      const deliver = async (to: Trial) => {
        const task = { kind: 'fan-out', file, sockets, subscriptions } as const
        await (await to.prepare({ ...task, first: 0, count: warmUpCount })).run()
        const { cpuMs, results } = await to.measure({ ...task, first: warmUpCount, count })
        const [result] = results
        return { ...result, cpuUs: (cpuMs * 1_000) / result.received }
      }
      const naive = await startFloorServer('naive-relay')
      const floor = await deliver(openTrial(naive)).finally(naive.stop)
      const measured = await deliver(trial)
      const add = (
        what: string,
        unit: string,
        of: (result: typeof measured) => number,
        more: { target?: Target } = {},
      ) => {
        const [value, bound] = [of(measured), of(floor)]
        const ratio = unit === '1/s' ? value / bound : bound / value
        const figure = `fan-out, ${sockets} sockets x ${subscriptions}: ${what}`
        report.add({ figure, value, unit, floor: bound, ratio, stored, ...more })
      }
      add('server CPU per delivery', 'us', ({ cpuUs }) => cpuUs, { target: { atMost } })
      add('deliveries', '1/s', ({ received, seconds }) => received / seconds)
      add('until everybody has an event, p50', 'ms', ({ p50Ms }) => p50Ms)
      add('until everybody has an event, p99', 'ms', ({ p99Ms }) => p99Ms)
    }
  })
}
