import { openStage } from './seed.ts'

const stage = await openStage()
const [first = 1, count = 1, steps = 500] = process.argv.slice(2).map(Number)
for (let seed = first; seed < first + count; seed++) {
  const begun = performance.now()
  const r = await stage.run(seed, steps)
  console.log(JSON.stringify({ ...r, violations: r.violations.slice(0, 5), ms: Math.round(performance.now() - begun) }))
}
await stage.close()
