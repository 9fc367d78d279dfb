#!/usr/bin/env node
import { dispatch } from './dispatch.ts'

// Whoever reads may go away (`panda start | head`): that is no reason for a service to stop.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

// Set, not exited with: what was printed must reach a pipe before the process ends.
process.exitCode = await dispatch(process.argv.slice(2), {
  env: process.env,
  print: line => void process.stdout.write(`${line}\n`),
  complain: line => void process.stderr.write(`${line}\n`),
})
