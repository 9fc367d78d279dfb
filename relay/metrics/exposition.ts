import { Counter, Gauge, type Histogram, type Registry } from 'prom-client'

/** A value and, in the order of the label names, what it is of. */
export type Sample = readonly [value: number, ...labels: string[]]

/** What is known when somebody asks: a number, or one for each set of labels. */
type Reading = number | readonly Sample[]

/** A name in the exposition format, what it means, and the names of its labels. */
type Description = { readonly name: string; readonly help: string; readonly labels?: readonly string[] }

/** Puts numbers that are kept elsewhere in a registry of prom-client. */
export type Exposition = {
  /** What only grows, as long as the process lives. */
  counter(description: Description, read: () => Reading): void
  gauge(description: Description, read: () => Reading | Promise<Reading>): void
  histogram(metric: Histogram): void
}

/** Makes the exposition. What cannot be read is reported and left out: the rest is needed all the more then. */
export function createExposition(registry: Registry, onError: (error: unknown) => void): Exposition {
  const setUp = ({ name, help, labels = [] }: Description, collect: () => void | Promise<void>) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect,
  })
  return {
    counter: (description, read) => {
      const metric = new Counter(
        setUp(description, () => {
          clear(metric, description)
          try {
            for (const [value, labels] of samplesOf(description, read())) metric.inc(labels, value)
          } catch (error) {
            onError(error)
          }
        }),
      )
    },
    gauge: (description, read) => {
      const metric = new Gauge(
        setUp(description, async () => {
          try {
            const samples = samplesOf(description, await read())
            clear(metric, description)
            for (const [value, labels] of samples) metric.set(labels, value)
          } catch (error) {
            clear(metric, description)
            onError(error)
          }
        }),
      )
    },
    histogram: metric => registry.registerMetric(metric),
  }
}

/** One sample for each key of a record. */
export function byLabel(counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([label, value]) => [value, label])
}

/** A reset leaves a zero where there are no labels, which would say that all is well. */
function clear(metric: Counter | Gauge, { labels = [] }: Description): void {
  metric.reset()
  if (labels.length === 0) metric.remove()
}

function samplesOf({ labels: names = [] }: Description, reading: Reading): [number, Record<string, string>][] {
  const samples: readonly Sample[] = typeof reading === 'number' ? [[reading]] : reading
  return samples.map(([value, ...labels]) => [
    value,
    Object.fromEntries(names.map((name, index) => [name, labels[index] ?? ''])),
  ])
}
