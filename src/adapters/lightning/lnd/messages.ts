import { z } from 'zod'

// LND's REST answers are protobuf messages in JSON: 64-bit integers are strings, bytes are base64, and what is unset is
// there with its default value.

/** A 64-bit integer that is never below zero and exact as a number. */
const unsigned = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(Number)
  .refine(Number.isSafeInteger, 'more than is exact')

/** Unix seconds; Go writes a time that was never set as one long before 1970. */
const seconds = z
  .string()
  .regex(/^-?\d{1,15}$/)
  .transform(Number)

/** 32 bytes as hex, or `null` where they are not set. */
const bytes32OrNone = z
  .base64()
  .transform(text => Buffer.from(text, 'base64').toString('hex'))
  .refine(hex => hex === '' || hex.length === 64, 'not 32 bytes')
  .transform(hex => (hex === '' ? null : hex))

/** lnrpc.Invoice. */
export const invoiceSchema = z.object({
  memo: z.string(),
  /** Missing while a hold invoice is not settled. */
  r_preimage: bytes32OrNone,
  r_hash: bytes32OrNone,
  value_msat: unsigned,
  creation_date: seconds,
  settle_date: seconds,
  payment_request: z.string(),
  description_hash: bytes32OrNone,
  expiry: unsigned,
  settle_index: unsigned,
  amt_paid_msat: unsigned,
  state: z.enum(['OPEN', 'SETTLED', 'CANCELED', 'ACCEPTED']),
  htlcs: z.array(z.object({ state: z.string(), accept_time: seconds })).default([]),
  is_amp: z.boolean().default(false),
})

export type Invoice = z.infer<typeof invoiceSchema>

/** lnrpc.ListInvoiceResponse. */
export const invoicesSchema = z.object({ invoices: z.array(invoiceSchema), last_index_offset: unsigned })

/** lnrpc.Payment, whose hashes are hex. */
export const paymentSchema = z.object({
  payment_hash: z.hex().length(64),
  payment_preimage: z.string(),
  fee_msat: unsigned,
  status: z.string(),
  failure_reason: z.string(),
})

/** lnrpc.PayReq. */
export const payReqSchema = z.object({ payment_hash: z.hex().length(64) })

/** lnrpc.ChannelBalanceResponse. */
export const channelBalanceSchema = z.object({ local_balance: z.object({ msat: unsigned }) })

/** lnrpc.GetInfoResponse. */
export const infoSchema = z.object({ identity_pubkey: z.hex().length(66) })

/** Bytes for the body of a request. */
export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

/** Bytes for a path: URL-safe and padded, as the gateway reads them (grpc-gateway, runtime/convert.go). */
export function base64InPath(hex: string): string {
  return base64(hex).replaceAll('+', '-').replaceAll('/', '_')
}
