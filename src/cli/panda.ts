#!/usr/bin/env node
import { exitCodes } from './command-line.ts'
import { dispatch } from './dispatch.ts'
import { messageOf } from './failure.ts'

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads may go away (`panda start | head`): that is no reason for a service to stop.
    if (error.code === 'EPIPE') return
    if (stream === process.stdout) process.stderr.write(`panda: cannot write the output: ${messageOf(error)}\n`)
    process.exit(exitCodes.failed)
  })
}

// Set, not exited with: what was printed must reach a pipe before the process ends.
process.exitCode = await dispatch(process.argv.slice(2), {
  env: process.env,
  print: line => void process.stdout.write(`${line}\n`),
  complain: line => void process.stderr.write(`${line}\n`),
})
