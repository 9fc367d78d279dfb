import { outsideWorld } from '../timeline.ts'
import type { World } from '../world.ts'
import type { Actor } from './actor.ts'

const daySeconds = 86_400
/** Times after which something about a name is due. */
const leaps = [1, 2, 4, 363, 364, 366] as const

/** What befalls machines and networks: crashes, clocks that jump, wallets and disks that fail, prices that move, and long quiet times. */
export const trouble: Actor = {
  name: 'trouble',
  weight: 6,
  act: async world => {
    const { random, timeline, clients } = world
    switch (random.whole(10)) {
      case 0:
        world.crash()
        break
      case 1:
        jumpClock(world)
        break
      case 2: {
        world.setWalletAway(true)
        timeline.after(random.whole(120_000), outsideWorld, () => world.setWalletAway(false))
        break
      }
      case 3: {
        world.setDiskFull(true)
        timeline.after(random.whole(60_000), outsideWorld, () => world.setDiskFull(false))
        break
      }
      case 4:
      case 5: {
        const ids = [...clients.sent.keys()]
        const id = ids[random.whole(Math.max(1, ids.length))]
        if (id !== undefined) clients.resend(id)
        break
      }
      case 6:
      case 7:
        world.market.move(random.pick([-30, -4, 4, 15, 300, -200]))
        break
      case 8: {
        // Somebody who knows nothing says that something was paid.
        const invoice = clients.invoices[random.whole(Math.max(1, clients.invoices.length))]
        world.hint(random.chance(0.5) ? 'cd'.repeat(32) : (invoice?.paymentHash ?? 'ef'.repeat(32)))
        break
      }
      default:
        if (random.chance(0.4)) await leap(world)
    }
  },
}

/** The machine's clock is wrong for a while; by more than an hour it needs the operator's word. */
function jumpClock(world: World): void {
  const { random, timeline } = world
  world.setSkew(random.pick([-600, -90, 90, 600, 3_500, 7_200, 40 * daySeconds]))
  timeline.after(10_000 + random.whole(600_000), outsideWorld, () => {
    world.setSkew(0)
    world.confirmClock()
  })
}

/** Nothing is asked for a long time. What was under way comes to rest first, as it does when the days are not skipped. */
async function leap(world: World): Promise<void> {
  if (!world.isRunning()) return
  await world.pass(60_000, 10)
  await world.pass(7_200_000, 50)
  await world.pass(world.random.pick(leaps) * daySeconds * 1_000, 3)
  await world.start()
  await world.pass(60_000, 10)
}
