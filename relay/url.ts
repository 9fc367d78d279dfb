/** A URL as it is compared: scheme, host and port as URL writes them, path without a slash at its end. */
export function normalizeUrl(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, host, pathname } = new URL(text)
  return `${protocol}//${host}${pathname.endsWith('/') ? pathname.slice(0, -1) : pathname}`
}
