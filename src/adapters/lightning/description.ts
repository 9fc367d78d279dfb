import { maxDescriptionBytes } from './invoice-request.ts'
import type { Capabilities, InvoiceRequest } from './port.ts'

const ellipsis = '…'

/**
 * A request whose description the backend can write, and any invoice can hold: one that is too long ends in an ellipsis,
 * between two code points. With the hash of a description it stays as it is, since the hash is of all of it (LUD-06).
 */
export function withFittingDescription<Request extends Pick<InvoiceRequest, 'description' | 'descriptionHash'>>(
  request: Request,
  { maxDescriptionLength }: Pick<Capabilities, 'maxDescriptionLength'>,
): Request {
  const { description, descriptionHash } = request
  const fits = (text: string) => text.length <= maxDescriptionLength && Buffer.byteLength(text) <= maxDescriptionBytes
  if (descriptionHash !== undefined || fits(description)) return request
  let start = ''
  for (const character of description) {
    if (!fits(`${start}${character}${ellipsis}`)) break
    start += character
  }
  return { ...request, description: `${start}${ellipsis}` }
}
