import { fileURLToPath } from 'node:url'
import { describeProtocol } from '../../src/cli/describe.ts'

/** The document whose end is generated. */
export const protocolDocument = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url))

const marker = '<!-- What follows is generated from the code: npm run docs -->'

/** The document with its generated end renewed. Throws when the marker is gone. */
export function withGeneratedEnd(text: string): string {
  const at = text.indexOf(marker)
  if (at < 0) throw new Error(`${protocolDocument} has lost its marker`)
  return `${text.slice(0, at)}${marker}\n\n${describeProtocol()}`
}
