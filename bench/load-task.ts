import type { Latency } from './latency.ts'

/** Work for the process that plays the clients. Files hold what is sent, one JSON value a line. */
export type LoadTask =
  /** Publishes the events of a file's lines `first` to `first + count`, each once. */
  | {
      readonly kind: 'publish'
      readonly port: number
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
      readonly port: number
      readonly file: string
      readonly clients: number
      readonly inFlight: number
    }
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

/** What came of it. `received` counts the events that requests were answered with, and is 0 otherwise. */
export type LoadResult = Latency & { readonly seconds: number; readonly received: number }
