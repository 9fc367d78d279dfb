import { connectWire, type WireAddress, type WireClient, type WireEvents } from './websocket.ts'

/** Relays bound connections by address, and an address has only so many ports. */
const perAddress = 200
const atOnce = 50

/** Connects many clients, from as many addresses of this machine as it takes (127.0.0.2 and on). */
export async function connectCrowd(
  address: WireAddress,
  count: number,
  eventsOf: (index: number) => WireEvents,
): Promise<WireClient[]> {
  const clients: WireClient[] = []
  while (clients.length < count) {
    const first = clients.length
    const next = Array.from({ length: Math.min(atOnce, count - first) }, (_, offset) => {
      const index = first + offset
      return connectWire({ ...address, from: sourceAddress(Math.floor(index / perAddress)) }, eventsOf(index))
    })
    clients.push(...(await Promise.all(next)))
  }
  return clients
}

function sourceAddress(number: number): string {
  return `127.0.${Math.floor(number / 250)}.${2 + (number % 250)}`
}
