import { tables } from '../../../src/store/tables.ts'
import type { World } from '../world.ts'
import type { Actor } from './actor.ts'

/** A call that came late may have had the wallet pay until then; it does not pay what has expired. */
const surelyLateSeconds = 1_000

/** Finds out for the operator what became of payments that the wallet does not tell of, and says so. */
export const treasurer: Actor = {
  name: 'treasurer',
  weight: 3,
  act: world => {
    const { random } = world
    const open = paying(world)
    const id = open[random.whole(Math.max(1, open.length))]
    if (id !== undefined) decide(world, id)
  },
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
