/** Where somebody comes from, and what counts as one address: an IPv4 address, or the /64 of an IPv6 address. */
export type Address = { readonly ip: string; readonly network: string }

/** The address of a customer, who has one alone. */
export function customerAddress(number: number): Address {
  const ip = `192.0.2.${number}`
  return { ip, network: ip }
}

/**
 * The address from which a squatter uses a key: ten thousand keys have two IPv4 addresses, one of which is written as IPv6 too,
 * and an address for each key in three networks of IPv6.
 */
export function squatterAddress(number: number): Address {
  const host = number.toString(16)
  switch (number % 6) {
    case 0:
      return { ip: '198.51.100.1', network: '198.51.100.1' }
    case 1:
      return { ip: '::ffff:198.51.100.1', network: '198.51.100.1' }
    case 2:
      return { ip: '198.51.100.2', network: '198.51.100.2' }
    case 3:
      return { ip: `2001:db8:0:1:0:${host}::1`, network: '2001:db8:0:1' }
    case 4:
      return { ip: `2001:db8:0:2::${host}`, network: '2001:db8:0:2' }
    default:
      return { ip: `2001:0DB8::3:${host}:0:0:1`, network: '2001:db8:0:3' }
  }
}
