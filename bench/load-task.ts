import type { Latency } from './latency.ts'

/** Work for the process that plays the clients. Files hold what is sent, one JSON value a line. */
export type LoadTask =
  | (RelayTask & { readonly port: number; readonly path?: string })
  /** Sends GETs whose targets are the file's lines, round and round. */
  | {
      readonly kind: 'look-up'
      readonly port: number
      readonly file: string
      readonly host: string
      readonly sockets: number
      readonly seconds: number
      readonly perSecond?: number
    }

/** What can be done to a relay. */
export type RelayTask =
  /** Publishes the events of a file's lines `first` to `first + count`, each once. */
  | {
      readonly kind: 'publish'
      readonly file: string
      readonly first: number
      readonly count: number
      readonly clients: number
      readonly inFlight: number
      /** Sends so many a second, however many are in flight. */
      readonly perSecond?: number
    }
  /** Sends requests whose filters are the file's lines, until all have been answered with EOSE. */
  | {
      readonly kind: 'request'
      readonly file: string
      readonly clients: number
      /** At most ten. */
      readonly inFlight: number
      /** Goes on for so long instead, round and round. */
      readonly seconds?: number
      /** So many a second, when `seconds` are given; each counts from when it was due. */
      readonly perSecond?: number
    }
  /** Publishes the events of lines `first` to `first + count`, the next when everybody has got the last; what is timed is that. */
  | {
      readonly kind: 'fan-out'
      readonly file: string
      readonly first: number
      readonly count: number
      readonly sockets: number
      /** Of each socket, all of them for every note. */
      readonly subscriptions: number
    }
  /** Keeps connections that say nothing open until it is run; what is timed is connecting. */
  | { readonly kind: 'idle'; readonly connections: number }

/** What came of it. `received` counts the events that subscriptions were sent, and is 0 otherwise. */
export type LoadResult = Latency & { readonly seconds: number; readonly received: number }
