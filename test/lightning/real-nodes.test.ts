import { setTimeout as delay } from 'node:timers/promises'
import { describeRealNode } from '../src/adapters/lightning/real/describe-real-node.ts'

await describeRealNode(
  {
    env: process.env,
    now: () => Math.floor(Date.now() / 1_000),
    wait: seconds => delay(seconds * 1_000),
    patienceMs: 3_000,
  },
  text => console.log(text),
)
