import { Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** The addresses of a host name; rejects when there are none to be had. */
export type Resolve = (hostname: string) => Promise<readonly { address: string; family: number }[]>

/**
 * A look-up for sockets that gives public addresses only. It is asked at connect time and the socket connects to what it
 * gave, so a name that changes its mind in between gains nothing. One private address among several spoils them all, of
 * which `refused` hears.
 */
export function createPublicLookup(
  resolve: Resolve = resolveByDns,
  refused: () => void = () => undefined,
): LookupFunction {
  return (hostname, options, callback) => {
    const answer = (addresses: readonly { address: string; family: number }[]) => {
      const [first] = addresses
      if (first === undefined) callback(new Error('the host has no address'), '')
      else if (!addresses.every(({ address }) => isPublicAddress(address))) {
        refused()
        callback(new Error('the host has an address that is not public'), '')
      } else if (options.all) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    }
    resolve(hostname).then(answer, (error: Error) => callback(error, ''))
  }
}

/** By DNS alone: the system's look-up knows names of this machine, and slow answers would take up threads of the process. */
async function resolveByDns(hostname: string): Promise<{ address: string; family: number }[]> {
  const resolver = new Resolver({ timeout: 3_000, tries: 2 })
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  if (four.status === 'rejected' && six.status === 'rejected') throw new Error('the host name does not resolve')
  return [
    ...(four.status === 'fulfilled' ? four.value.map(address => ({ address, family: 4 })) : []),
    ...(six.status === 'fulfilled' ? six.value.map(address => ({ address, family: 6 })) : []),
  ]
}
