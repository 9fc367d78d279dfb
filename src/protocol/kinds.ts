/** The event kinds of Panda's protocol. */
export const kinds = {
  command: 2410,
  result: 2411,
  notice: 2412,
  receipt: 2413,
  query: 22410,
  answer: 22411,
  serviceInfo: 12410,
  name: 32410,
  domainOffer: 32411,
} as const

/** Kinds that customers of a relay for members only read without being one: the service's own and who else answers them. */
export const openKinds: ReadonlySet<number> = new Set([...Object.values(kinds), 31_990])

/** Kinds that only their author and the keys in their `p` tags may read, private messages of NIP-04 and NIP-59 included. */
export const restrictedKinds: ReadonlySet<number> = new Set([
  4,
  1059,
  21_059,
  kinds.command,
  kinds.result,
  kinds.notice,
  kinds.receipt,
  kinds.query,
  kinds.answer,
])
