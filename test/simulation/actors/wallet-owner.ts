import { tables } from '../../../src/store/tables.ts'
import type { World } from '../world.ts'
import { type Actor, anyCustomer, anyName } from './actor.ts'

/** Connects a wallet, has it pay invoices, has names renewed by themselves within a budget, and thinks better of it. */
export const walletOwner: Actor = {
  name: 'wallet owner',
  weight: 16,
  act: world => {
    const { random, clients } = world
    switch (random.whole(10)) {
      case 0:
      case 1: {
        const secret = `nostr+walletconnect://${'ab'.repeat(32)}?relay=wss%3A%2F%2Fw.example&secret=${'cd'.repeat(32)}`
        clients.call(anyCustomer(world), 'secret.put', { kind: 'nwc', secret, label: 'mine' })
        break
      }
      case 2: {
        const kept = anyHandle(world)
        if (kept === undefined || random.chance(0.5)) break
        clients.call(kept.person, 'secret.erase', random.chance(0.7) ? { handle: kept.handle } : { all: true })
        break
      }
      case 3:
      case 4:
      case 5:
        payByWallet(world)
        break
      case 6:
        clients.send(anyCustomer(world), 'renewal.unset', { identifier: anyName(world) })
        break
      default:
        renewByItself(world)
    }
  },
}

/** Now and then with a handle of somebody else, or of nobody; now and then twice. */
function payByWallet({ random, clients }: World): void {
  const invoice = clients.invoices.at(-1 - random.whole(4))
  if (invoice === undefined) return
  const { person, id: invoiceId } = invoice
  const own = clients.handles.filter(one => one.person === person).at(-1)
  const handle = (random.chance(0.9) ? own?.handle : clients.handles.at(-1)?.handle) ?? '0'.repeat(32)
  const params = { from: 'wallet', invoiceId, handle, forget: random.chance(0.1) }
  clients.send(person, 'invoice.pay', params)
  if (random.chance(0.2)) clients.send(person, 'invoice.pay', params)
}

function renewByItself(world: World): void {
  const { random, clients, reader } = world
  const names = reader.range(tables.identifiers, [])
  const own = names[random.whole(Math.max(1, names.length))]
  const by = own === undefined ? undefined : clients.personOf(own.row.owner)
  const identifier = own === undefined || by === undefined ? anyName(world) : `${own.key[1]}@${own.key[0]}`
  const person = by ?? anyCustomer(world)
  const maxMsat = random.pick([1_000, 10_000_000, 10_000_000])
  const handle = clients.handles.filter(one => one.person === person).at(-1)?.handle ?? '0'.repeat(32)
  const params = random.chance(0.5) ? { from: 'balance' } : { from: 'wallet', handle }
  // Enough for one name, or for some, in a time in which several tries fall.
  const budgetMsat = random.pick([null, 1_200_000, 5_000_000, 50_000_000])
  if (random.chance(0.6))
    clients.send(person, 'renewal.set_budget', { handle, budgetMsat, days: random.pick([2, 300]) })
  clients.send(person, 'renewal.set', { ...params, identifier, maxMsat })
}

function anyHandle({ random, clients: { handles } }: World) {
  return handles[random.whole(Math.max(1, handles.length))]
}
