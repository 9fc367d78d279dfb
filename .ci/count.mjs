// Adds up what .ci/run found: `checks` has a line per check; of each vitest run there are a report and an exit status; of the
// simulation there is how many of its seeds passed and failed.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }
const checks = join(folder, 'checks')

if (existsSync(checks)) for (const outcome of readFileSync(checks, 'utf8').trim().split('\n')) total[outcome] += 1
for (const name of readdirSync(folder)) {
  if (name.endsWith('.seeds')) {
    const { passed, failed } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    total.passed += passed
    total.failed += failed
  }
  if (!name.endsWith('.status')) continue
  const report = readReport(join(folder, name.replace(/status$/, 'json')))
  total.passed += report.numPassedTests
  total.skipped += report.numPendingTests + report.numTodoTests
  // A file that does not load has no failed test in it; an error outside every test is in the exit status alone.
  const unloaded = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  )
  const failed = report.numFailedTests + unloaded.length
  total.failed += readFileSync(join(folder, name), 'utf8').trim() === '0' ? failed : Math.max(failed, 1)
}

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

/** No report, or one that was cut short, is one failure. */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { numPassedTests: 0, numPendingTests: 0, numTodoTests: 0, numFailedTests: 1, testResults: [] }
  }
}
