import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** Loaded into the measured server ahead of its own code; says, when the benchmark asks, how late the event loop was. */
const resolutionMs = 1

if (isMainThread && process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  let pauses = -1
  // What is measured is the time between two looks, which is the resolution when nothing is late.
  const lateMs = nanoseconds => Math.max(0, nanoseconds / 1e6 - resolutionMs)
  process.on('message', word => {
    if (word === 'begin') {
      pauses++
      delay.enable()
      process.send('begun')
    } else if (word === 'end') {
      delay.disable()
      // Each time that nobody was measuring has got in as one long delay, longer than any other.
      const part = 1 - pauses / delay.count
      process.send({ p999Ms: lateMs(delay.percentile(99.9 * part)), maxMs: lateMs(delay.percentile(100 * part)) })
    }
  })
  // The server ends as if nobody listened here.
  process.channel.unref()
}
