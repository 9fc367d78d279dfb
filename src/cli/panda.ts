#!/usr/bin/env node
import { dispatch } from './dispatch.ts'

// Set, not exited with: what was printed must reach a pipe before the process ends.
process.exitCode = await dispatch(process.argv.slice(2), {
  env: process.env,
  print: line => void process.stdout.write(`${line}\n`),
  complain: line => void process.stderr.write(`${line}\n`),
})
