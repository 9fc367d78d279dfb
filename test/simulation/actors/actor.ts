import type { Person } from '../clients.ts'
import type { World } from '../world.ts'

/** Somebody or something that acts now and then, as often as its weight says. */
export type Actor = { readonly name: string; readonly weight: number; act(world: World): void | Promise<void> }

const customers = 6
const names = ['aa', 'bb', 'cc', 'admin', 'dd', 'ee', 'prize'] as const
const domains = ['example.com', 'example.com', 'example.com', 'free.example', 'closed.example'] as const

/** One of a few customers, so that they meet. */
export function anyCustomer({ random, clients }: World): Person {
  return clients.person(1 + random.whole(customers))
}

/** One of a few names, so that several want it. */
export function anyName({ random }: World): string {
  return `${random.pick(names)}@${random.pick(domains)}`
}

/** How an order shall be paid, any way there is. */
export function anyPayment({ random }: World): object {
  return {
    pay: random.pick(['invoice', 'invoice', 'invoice', 'balance']),
    ...(random.chance(0.2) ? { creditMsat: random.pick([1, 500_000, 9_000_000]) } : {}),
    ...(random.chance(0.2) ? { coupon: random.pick(['TENTH', 'GIFT', 'FREE', 'NONE']) } : {}),
  }
}
