import type { KnownInvoice } from '../clients.ts'
import { outsideWorld } from '../timeline.ts'
import type { World } from '../world.ts'
import type { Actor } from './actor.ts'

/** Pays invoices: in time, late, at the second of expiry, too much, too little, twice, or from the balance, wholly or in part. */
export const payer: Actor = {
  name: 'payer',
  weight: 30,
  act: async world => {
    const { random, clients, timeline } = world
    const { invoices } = clients
    if (invoices.length === 0) return
    // Mostly what was asked for lately, sometimes something old.
    const back = random.chance(0.7) ? Math.min(invoices.length, 5) : invoices.length
    const invoice = invoices[invoices.length - 1 - random.whole(back)]
    if (invoice === undefined) return
    const { person, id: invoiceId } = invoice
    const what = random.whole(20)
    if (what < 11) pay(world, invoice)
    else if (what < 13) {
      // The last second of the invoice, the first after it, and the second at which its order ends.
      const at = invoice.expiresAt + random.pick([0, 1, 300])
      const secondsLeft = at - timeline.now()
      if (secondsLeft > 0 && secondsLeft < 1_500) await world.pass(secondsLeft * 1_000, 3)
      pay(world, invoice)
    } else if (what < 16) clients.send(person, 'invoice.pay', fromBalance(world, invoiceId))
    else if (what < 18) {
      pay(world, invoice)
      clients.send(person, 'invoice.pay', fromBalance(world, invoiceId))
    } else {
      const preimage = preimageSeenBy(world, invoice)
      clients.send(person, 'invoice.pay', { from: 'preimage', invoiceId, preimage })
    }
  },
}

function fromBalance({ random }: World, invoiceId: string): object {
  if (random.chance(0.5)) return { from: 'balance', invoiceId }
  return { from: 'credit', invoiceId, creditMsat: random.pick([1_000, 300_000, 1_000_000]) }
}

function pay({ random, node, timeline, hint }: World, { paymentHash, amountMsat }: KnownInvoice): void {
  const receivedMsat = random.pick([amountMsat, amountMsat, amountMsat, amountMsat, amountMsat * 2, amountMsat - 1])
  if (receivedMsat <= 0 || !node.receive(paymentHash, receivedMsat)) return
  // A webhook tells of it, once or twice, now or later; or it does not.
  for (let times = random.whole(3); times > 0; times--) {
    timeline.after(random.whole(20_000), outsideWorld, () => hint(paymentHash))
  }
}

/** The payer has the preimage once the payment is settled; before, any other. */
function preimageSeenBy({ node }: World, { paymentHash }: KnownInvoice): string {
  const invoice = node.incoming.get(paymentHash)
  return invoice?.status === 'settled' ? invoice.preimage : 'ab'.repeat(32)
}
