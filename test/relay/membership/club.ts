import { expect } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Host } from '../../../relay/host.ts'
import type { MembershipSettings } from '../../../relay/membership/membership.ts'
import { openHost } from '../../../relay/open-host.ts'
import { type Author, author } from '../authors.ts'
import type { Client } from '../client.ts'
import { manage } from '../management/management-client.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'

export const [self, operator, alice, bob, carol] = [author(1), author(2), author(3), author(4), author(5)] as const
export const commandKind = 2_410
export const answerKind = 2_411
export const notMember = 'restricted: only members may write to this relay'

const host: Host = {
  ...openHost,
  admit: event =>
    event.kind === commandKind
      ? { kind: 'apply', apply: () => ({ accepted: true, message: '', store: [event], deliver: [] }) }
      : { kind: 'store' },
  openKinds: new Set([answerKind]),
}
const settings: MembershipSettings = {
  enabled: true,
  read: 'everyone',
  invite: 'members',
  claimSeconds: 3_600,
  usesPerClaim: 1,
  publishList: true,
}
const management = { isOperator: (key: string) => key === operator.pubkey, urls: [], changed: () => undefined }

type Changed = Omit<Parameters<typeof serveRelay>[0] & object, 'membership'> & Partial<MembershipSettings>

/** A relay for members only, with its operator, who lets Alice in when she is asked for. */
export function createClub() {
  let served: Served
  let isOpen = false
  const call = (method: string, ...params: unknown[]) => manage(served, operator, method, params)

  /** Asks for what only parties may read, and answers the challenge. */
  const connectAs = async (key: Author, ip?: string): Promise<Client> => {
    const client = await served.connect(ip)
    client.send('REQ', 'private', { kinds: [4] })
    const [, challenge] = await client.next()
    await client.next()
    const tags = [
      ['relay', relayUrl],
      ['challenge', String(challenge)],
    ]
    client.send('AUTH', key.sign({ kind: 22_242, created_at: served.time, tags }))
    const [, , accepted] = await client.next()
    if (accepted !== true) throw new Error('not signed in')
    return client
  }
  const joining = (key: Author, claim: string, template = {}) =>
    key.sign({ kind: 28_934, created_at: served.time, tags: [['claim', claim]], ...template })

  return {
    get served() {
      return served
    },
    /** Opens it, once more when it is open. */
    open: async ({ limits = {}, data, ...changed }: Changed = {}) => {
      if (isOpen) await served.close()
      isOpen = true
      const membership = { ...settings, ...changed }
      served = await serveRelay({ host, management, self, membership, limits, ...(data === undefined ? {} : { data }) })
    },
    close: async () => {
      isOpen = false
      await served.close()
      expect(served.errors).toEqual([])
    },
    call,
    connectAs,
    /** A member on a connection of its own. */
    member: async (key: Author = alice) => {
      await call('allowpubkey', key.pubkey)
      return connectAs(key)
    },
    joining,
    join: (client: Client, key: Author, claim: string) => client.publish(joining(key, claim)),
    leaving: (key: Author) => key.sign({ kind: 28_936, created_at: served.time, tags: [['-']] }),
    /** The members that the relay tells of, each with its roles. */
    listed: () => {
      const [list] = served.relay.find({ kinds: [13_534] })
      return list?.tags.filter(([name]) => name === 'member').map(([, ...rest]) => rest)
    },
  }
}

/** Asks for an invitation, and gives its event or the message of CLOSED. */
export async function askForInvite(client: Client, filter: object = { kinds: [28_935] }): Promise<NostrEvent | string> {
  client.send('REQ', 'invite', filter)
  for (;;) {
    const [verb, , value] = await client.next()
    if (verb === 'CLOSED') return String(value)
    if (verb === 'EOSE') return 'nothing'
    if (verb !== 'EVENT') continue
    while ((await client.next())[0] !== 'EOSE');
    return value as NostrEvent
  }
}

export function claimOf(event: NostrEvent | string): string {
  if (typeof event === 'string') throw new Error(event)
  return event.tags.find(([name]) => name === 'claim')?.[1] ?? ''
}
