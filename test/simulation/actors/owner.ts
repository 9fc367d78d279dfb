import { tables } from '../../../src/store/tables.ts'
import { type Actor, anyCustomer, anyName } from './actor.ts'

/** Changes records, gives up orders, brings others, asks for help: what people do beside buying. */
export const owner: Actor = {
  name: 'owner',
  weight: 8,
  act: world => {
    const { random, clients, reader } = world
    const by = anyCustomer(world)
    switch (random.whole(5)) {
      case 0: {
        const records = random.chance(0.5) ? [] : [{ type: 'CNAME', value: anyName(world) }]
        clients.send(by, 'identifier.set_records', { identifier: anyName(world), records })
        break
      }
      case 1: {
        const invoice = clients.invoices.at(-1 - random.whole(3))
        if (invoice !== undefined) clients.send(invoice.person, 'order.cancel', { orderId: invoice.orderId })
        break
      }
      case 2:
        clients.send(by, 'referral.create', {})
        break
      case 3: {
        const code = clients.codes[random.whole(Math.max(1, clients.codes.length))]
        if (code !== undefined) clients.send(by, 'referral.claim', { code })
        break
      }
      default: {
        // Some give up before the invoice is made.
        const [open] = reader.range(tables.orders, [], { limit: 1, reverse: true })
        const whose = open === undefined ? undefined : clients.personOf(open.row.account)
        if (open !== undefined && whose !== undefined) clients.send(whose, 'order.cancel', { orderId: open.key[0] })
      }
    }
  },
}
