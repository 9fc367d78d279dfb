import { createHash } from 'node:crypto'
import { AddressUnavailable } from '../../../src/adapters/lnurl-pay/failures.ts'
import type { AddressAnswer, AddressRequest, AskAddress } from '../../../src/adapters/lnurl-pay/http.ts'
import type { Random } from '../../system/random.ts'
import type { Faults } from '../faults.ts'
import type { Life, Timeline } from '../timeline.ts'
import type { Node } from './node.ts'

const expirySeconds = 600

/** Those whose Lightning addresses are named here, in truth: what they have given stays given, whoever asked. */
export type Payees = { answer(request: AddressRequest): AddressAnswer }

/** Makes the payees. Most give what they are asked for; the others give something that must not be paid. */
export function createPayees(options: { node: Node; random: Random; faults: Faults }): Payees {
  const { node, random, faults } = options
  const preimages: string[] = []
  const given: string[] = []

  const make = (amountMsat: number, seconds = expirySeconds, preimage = nextPreimage()): AddressAnswer => {
    const bolt11 = node.outsideInvoice(amountMsat, seconds, preimage)
    given.push(bolt11)
    return { status: 'invoice', bolt11 }
  }
  const nextPreimage = () => {
    const preimage = createHash('sha256').update(`payee ${preimages.length}`).digest('hex')
    preimages.push(preimage)
    return preimage
  }
  const anyOf = (values: readonly string[]) => values[random.whole(Math.max(1, values.length))]

  return {
    answer: ({ amountMsat }) => {
      if (!faults.strangerFails()) return make(amountMsat)
      switch (random.whole(6)) {
        case 0:
          return make(random.pick([amountMsat * 2, amountMsat + 1, 1]))
        case 1:
          return { status: 'invoice', bolt11: anyOf(given) ?? 'lnbcrt1' }
        case 2:
          return make(amountMsat, expirySeconds, anyOf(preimages))
        case 3:
          return { status: 'invoice', bolt11: anyOf([...node.incoming.values()].map(one => one.bolt11)) ?? 'none' }
        case 4:
          return make(amountMsat, random.pick([5, 25, 40]))
        default:
          return { status: 'refused', reason: 'there is no such person' }
      }
    },
  }
}

/** The payees over a network, which are slow or away now and then; the process may end as soon as it has an answer. */
export function connectPayees(options: {
  payees: Payees
  timeline: Timeline
  random: Random
  faults: Faults
  life: Life
  crash(): void
}): AskAddress {
  const { payees, timeline, random, faults, life, crash } = options
  const unavailable = () => new AddressUnavailable('the simulated address does not answer')
  return (request, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(unavailable())
      signal.addEventListener('abort', () => life.alive && reject(unavailable()))
      if (faults.strangerFails() && random.chance(0.5)) {
        timeline.after(random.whole(20_000), life, () => reject(unavailable()))
        return
      }
      timeline.after(1 + random.whole(faults.strangerFails() ? 30_000 : 1_000), life, () => {
        resolve(payees.answer(request))
        if (faults.crashesAt('after an answer')) crash()
      })
    })
}
