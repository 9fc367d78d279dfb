import type { Host } from '../host.ts'
import { allowAuthors, denyAuthors } from './authors.ts'
import { allowKinds, denyKinds, forKinds } from './kinds.ts'
import { membersOnly } from './members.ts'
import { allOf, anyOf, type Policy } from './policy.ts'
import { limitRatePerConnection, limitRatePerIp, limitRatePerKey } from './rates.ts'
import type { PlainSettings, PolicySettings } from './settings.ts'
import { preventManyTags } from './tags.ts'
import { preventWords } from './words.ts'
import { requireWork } from './work.ts'

/** Those that policies ask about a key; a relay without them has neither members nor acquaintances. */
export type PolicyContext = Pick<Host, 'isMember' | 'isKnown'> & {
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined
  /** Hears the type of the policy that has refused an event: of `any` and `all`, that they have. */
  readonly refused?: ((type: PolicySettings['type']) => void) | undefined
}

/** One policy of all that an operator has written down, asked in their order. */
export function policyFrom(settings: readonly PolicySettings[], context: PolicyContext): Policy {
  const { refused = () => undefined } = context
  return allOf(
    settings.map(each => {
      const policy = oneFrom(each, context)
      return (event, origin) => {
        const message = policy(event, origin)
        if (message !== null) refused(each.type)
        return message
      }
    }),
  )
}

function oneFrom(settings: PolicySettings, context: PolicyContext): Policy {
  switch (settings.type) {
    case 'all':
      return allOf(settings.of.map(each => oneFrom(each, context)))
    case 'any':
      return anyOf(settings.of.map(each => oneFrom(each, context)))
    default: {
      const policy = plainFrom(settings, context)
      return settings.forKinds === undefined ? policy : forKinds(settings.forKinds, policy)
    }
  }
}

function plainFrom(settings: PlainSettings, context: PolicyContext): Policy {
  const { isMember = nobody, isKnown = nobody, nowMs } = context
  switch (settings.type) {
    case 'allow-authors':
      return allowAuthors(settings.authors)
    case 'deny-authors':
      return denyAuthors(settings.authors)
    case 'allow-kinds':
      return allowKinds(settings.kinds)
    case 'deny-kinds':
      return denyKinds(settings.kinds)
    case 'rate': {
      const { per, perMinute, burst = perMinute } = settings
      return limitRate[per]({ perMinute, burst, nowMs })
    }
    case 'pow':
      return settings.strangersOnly === true ? requireWork(settings.bits, isKnown) : requireWork(settings.bits)
    case 'members':
      return membersOnly(isMember)
    case 'tags':
      return preventManyTags(settings.max, settings.name)
    case 'words':
      return preventWords(settings.words)
    default: {
      const unknown: never = settings
      throw new Error(`no such policy ${JSON.stringify(unknown)}`)
    }
  }
}

const nobody = () => false
const limitRate = { key: limitRatePerKey, ip: limitRatePerIp, connection: limitRatePerConnection }
