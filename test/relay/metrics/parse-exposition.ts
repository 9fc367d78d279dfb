/** One number of an exposition. */
export type Line = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }

/** A metric with its lines, in their order. */
export type Family = { readonly name: string; readonly type: string; readonly help: string; readonly lines: Line[] }

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const helpLine = /^# HELP (\S+) (.+)$/
const typeLine = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y

/**
 * Reads the text format of Prometheus 0.0.4, and throws at whatever a strict reader would not take: lines of no known form,
 * metrics without HELP and TYPE or in pieces, a number twice, histograms that do not add up, counters not called `_total`.
 */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, Family>()
  let current: Family | null = null
  let help: { name: string; text: string } | null = null
  const seen = new Set<string>()
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    const [, helpName, helpText] = helpLine.exec(line) ?? []
    if (helpName !== undefined && helpText !== undefined) {
      if (!metricName.test(helpName) || families.has(helpName)) throw new Error(`HELP twice or of no name: ${line}`)
      help = { name: helpName, text: helpText }
      current = null
      continue
    }
    const [, typeName, type] = typeLine.exec(line) ?? []
    if (typeName !== undefined && type !== undefined) {
      if (help?.name !== typeName) throw new Error(`TYPE without HELP before it: ${line}`)
      if (type === 'counter' && !typeName.endsWith('_total')) throw new Error(`a counter ends in _total: ${line}`)
      current = { name: typeName, type, help: help.text, lines: [] }
      families.set(typeName, current)
      continue
    }
    const parsed = parseLine(line)
    if (current === null || !belongsTo(parsed.name, current)) throw new Error(`not under its TYPE: ${line}`)
    const identity = `${parsed.name} ${JSON.stringify(Object.entries(parsed.labels).sort())}`
    if (seen.has(identity)) throw new Error(`twice: ${line}`)
    seen.add(identity)
    if (current.type === 'counter' && !(parsed.value >= 0)) throw new Error(`a counter below zero: ${line}`)
    current.lines.push(parsed)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  return families
}

/** The one number of these labels; throws when there are none or several. */
export function numberOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(count|sum|bucket)$/, ''))
  const found = (family?.lines ?? []).filter(
    line => line.name === name && Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  )
  const [line] = found
  if (line === undefined || found.length > 1) throw new Error(`${found.length} of ${name} ${JSON.stringify(labels)}`)
  return line.value
}

function parseLine(line: string): Line {
  const [, name, pairs, number] = sampleLine.exec(line) ?? []
  if (name === undefined || number === undefined) throw new Error(`no known form: ${line}`)
  const value = number.endsWith('Inf') ? (number.startsWith('-') ? -Infinity : Infinity) : Number(number)
  return { name, labels: parseLabels(pairs, line), value }
}

function parseLabels(pairs: string | undefined, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  if (pairs === undefined) return labels
  if (pairs === '') throw new Error(`braces around nothing: ${line}`)
  let at = 0
  while (at < pairs.length) {
    labelPair.lastIndex = at
    const [whole, name, value] = labelPair.exec(pairs) ?? []
    if (whole === undefined || name === undefined || value === undefined) throw new Error(`bad label: ${line}`)
    if (name in labels) throw new Error(`a label twice: ${line}`)
    labels[name] = value.replace(/\\(.)/g, (_all, escaped: string) => (escaped === 'n' ? '\n' : escaped))
    at += whole.length
  }
  return labels
}

function belongsTo(name: string, { name: family, type }: Family): boolean {
  if (type === 'histogram') return [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name)
  if (type === 'summary') return [family, `${family}_sum`, `${family}_count`].includes(name)
  return name === family
}

function checkHistogram({ name, lines }: Family): void {
  const series = new Map<string, Line[]>()
  for (const line of lines) {
    const { le: _le, ...rest } = line.labels
    const key = JSON.stringify(Object.entries(rest).sort())
    series.set(key, [...(series.get(key) ?? []), line])
  }
  for (const group of series.values()) {
    const buckets = group.filter(line => line.name === `${name}_bucket`)
    const count = group.find(line => line.name === `${name}_count`)?.value
    const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)))
    if (bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count) throw new Error(`${name} does not end in +Inf`)
    if (bounds.some((bound, index) => index > 0 && !(bound > (bounds[index - 1] ?? 0)))) {
      throw new Error(`the bounds of ${name} do not rise`)
    }
    if (buckets.some(({ value }, index) => value < (buckets[index - 1]?.value ?? 0))) {
      throw new Error(`the buckets of ${name} do not add up`)
    }
    if (group.filter(line => line.name === `${name}_sum`).length !== 1) throw new Error(`${name} has no sum`)
  }
}
