import { tables } from '../../../src/store/tables.ts'
import { outsideWorld } from '../timeline.ts'
import type { World } from '../world.ts'
import { type Actor, anyCustomer } from './actor.ts'

/** A call that came late may have had the wallet pay until then; it does not pay what has expired. */
const surelyLateSeconds = 1_000

const daySeconds = 86_400
/** How long before the comparison invoices are asked for. */
const secondsToPay = 40

/**
 * Finds out for the operator what became of payments that the wallet does not tell of, and says so; takes money out of the
 * wallet by hand, or puts some in; and is there in the minutes in which the wallet is compared with the ledger.
 */
export const treasurer: Actor = {
  name: 'treasurer',
  weight: 5,
  act: async world => {
    const { random } = world
    const what = random.whole(8)
    if (what === 0) world.moveBehindOurBack(random.pick([-3_000_000_000, -1_000, 1, 70_000_000]))
    else if (what === 1) await untilCompared(world)
    else {
      const open = paying(world)
      const id = open[random.whole(Math.max(1, open.length))]
      if (id !== undefined) decide(world, id)
    }
  },
}

/** What is paid in the minute of the next comparison, in which the service is down now and then. */
async function untilCompared(world: World): Promise<void> {
  const { random, reader, timeline, clients, node } = world
  const [last] = reader.range(tables.reconciliations, [], { limit: 1, reverse: true })
  if (last === undefined || !world.isRunning()) return
  const secondsLeft = last.key[1] + daySeconds - timeline.now() - secondsToPay
  if (secondsLeft < 8_000) return
  await world.pass(60_000, 10)
  await world.pass(7_200_000, 50)
  await world.pass((secondsLeft - 7_260) * 1_000, 3)
  for (let times = 0; times < 3; times++) {
    clients.send(anyCustomer(world), 'balance.topup', { amountMsat: random.pick([1_000, 3_000_000]) })
  }
  await world.pass(20_000, 5)
  for (const { paymentHash, amountMsat } of clients.invoices.slice(-3)) {
    timeline.after(random.whole(60_000), outsideWorld, () => void node.receive(paymentHash, amountMsat))
  }
  if (random.chance(0.3)) world.crash()
  await world.pass(60_000, 60)
  await world.start()
}

/** Says of every withdrawal under way what became of it in truth. */
export function decideAll(world: World): void {
  for (const id of paying(world)) decide(world, id)
}

function paying({ reader }: World): string[] {
  const open = reader.range(tables.withdrawals, []).filter(({ row }) => row.status === 'paying')
  return open.map(({ key }) => key[0])
}

/** Nobody says what is not certain: a payment on its way is left alone, and so is one that the wallet may hear of yet. */
function decide({ node, clients, operator, reader, timeline, decided }: World, withdrawalId: string): void {
  const payment = node.outgoing.get(withdrawalId)
  const expiresAt = reader.get(tables.withdrawals, [withdrawalId])?.expiresAt ?? 0
  const isCertain =
    payment === undefined ? timeline.now() > expiresAt + surelyLateSeconds : payment.status !== 'unknown'
  if (!isCertain) return
  decided.add(withdrawalId)
  const { feeMsat, paymentHash } = payment ?? { feeMsat: 0, paymentHash: '' }
  const outcome =
    payment?.status === 'paid'
      ? { status: 'paid', feeMsat, preimage: node.preimageOf(paymentHash) }
      : { status: 'failed', reason: 'the payee has not received it' }
  clients.send(operator, 'withdrawal.decide', { withdrawalId, outcome })
}
