import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { declarations } from '../../src/pipeline/catalog.ts'
import { rejections } from '../../src/rejections.ts'
import { protocolDocument, withGeneratedEnd } from './protocol-document.ts'

const text = readFileSync(protocolDocument, 'utf8')

it('says of every method and refusal what the code says (npm run docs writes it)', () => {
  expect(text).toBe(withGeneratedEnd(text))
})

it('names every method and every refusal', () => {
  const names = declarations.map(declaration => declaration.name)
  for (const name of [...names, ...rejections.map(rejection => rejection.code)]) expect(text).toContain(`\`${name}\``)
})
