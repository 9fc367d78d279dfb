import type { NostrEvent } from '../../relay/event.ts'
import type { Relay } from '../../relay/relay.ts'
import type { Signer } from '../protocol/signer.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import { declarations } from './catalog.ts'
import { currentSettings } from './current-settings.ts'
import { handlerInformation, serviceInfo } from './service-info.ts'

/**
 * Publishes what the service offers (kind 12410, and kind 31990 for clients that look for handlers, NIP-89), if it says
 * something else than what is published. These follow from configuration and tables, so they are not in the log.
 */
export async function announceService(options: {
  environment: Environment
  signer: Signer
  relay: Pick<Relay, 'applyLocally' | 'find'>
  urls: { http: string; websocket: string }
  name: string
  now(): number
}): Promise<void> {
  const { environment, signer, relay, urls, name, now } = options
  const domains = listDomains(environment.reader)
  const settings = currentSettings(environment)
  for (const template of [
    serviceInfo({ methods: declarations, settings, domains, urls }),
    handlerInformation({ publicKey: signer.publicKey, name, urls }),
  ]) {
    const [published] = relay.find({ kinds: [template.kind], authors: [signer.publicKey], limit: 1 })
    if (published !== undefined && isSame(published, template)) continue
    const created_at = Math.max(now(), (published?.created_at ?? 0) + 1)
    const event = signer.sign({ ...template, created_at })
    await new Promise<void>((resolve, reject) => {
      relay.applyLocally(
        () => ({ accepted: true, message: '', store: [event], deliver: [] }),
        outcome => (outcome.ok ? resolve() : reject(outcome.error)),
      )
    })
  }
}

/** The domains of the service and what names in them cost, at most `limit`. */
export function listDomains(reader: Reader, limit?: number) {
  return reader
    .range(tables.domains, [], limit === undefined ? {} : { limit })
    .map(({ key: [name], row }) => ({ name, ...row }))
}

function isSame(published: NostrEvent, wanted: { content: string; tags: string[][] }): boolean {
  return published.content === wanted.content && JSON.stringify(published.tags) === JSON.stringify(wanted.tags)
}
