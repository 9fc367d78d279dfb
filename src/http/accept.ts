/**
 * How much a client wants a media type (RFC 9110 section 12.5.1): its `q` from 0 to 1 by the most specific range that it
 * names, and 0 when it names none. Without a header everything is welcome.
 */
export function qualityOf(accept: string | undefined, type: string): number {
  if (accept === undefined) return 1
  const [group = ''] = type.split('/')
  const wanted = [type, `${group}/*`, '*/*']
  let best = { specific: wanted.length, quality: 0 }
  for (const range of accept.toLowerCase().split(',', maxRanges)) {
    const [name = '', ...parameters] = range.split(';').map(part => part.trim())
    const specific = wanted.indexOf(name)
    if (specific !== -1 && specific < best.specific) best = { specific, quality: weightOf(parameters) }
  }
  return best.quality
}

/** Whether a client names a type itself, rather than by `*`. */
export function isNamed(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return false
  return accept
    .toLowerCase()
    .split(',', maxRanges)
    .some(range => (range.split(';', 1)[0] ?? '').trim() === type)
}

/** Browsers name about eight. */
const maxRanges = 64

/** What is no weight counts as 0: better not to send what may not be wanted. */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find(parameter => parameter.startsWith('q='))
  if (weight === undefined) return 1
  return /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight.slice(2)) : 0
}
