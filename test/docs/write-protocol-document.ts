import { readFileSync, writeFileSync } from 'node:fs'
import { protocolDocument, withGeneratedEnd } from './protocol-document.ts'

writeFileSync(protocolDocument, withGeneratedEnd(readFileSync(protocolDocument, 'utf8')))
