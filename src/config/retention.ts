import { z } from 'zod'
import type { RetentionRule } from '../../relay/store/retention.ts'
import { section, whole } from './fields.ts'
import { kinds } from './policies.ts'

const century = 100 * 365 * 86_400

const rule = section({ kinds: kinds.optional(), maxAgeSeconds: whole(60, century) })

/** What the relay does not keep for ever, under `relay.retention`. */
export const relayRetention = z
  .array(rule, 'a list of rules, each with maxAgeSeconds and, if it is not for all, kinds')
  .max(100, 'at most 100 rules')
  .default([]) satisfies z.ZodType<readonly RetentionRule[]>
