import { declarations } from '../pipeline/catalog.ts'
import { methodSchemas } from '../pipeline/service-info.ts'
import type { MethodDeclaration } from '../protocol/method.ts'
import { rejections } from '../rejections.ts'

/** The part of `docs/protocol.md` that follows from the code: methods, their JSON Schemas, and the refusals. */
export function describeProtocol(): string {
  const open = declarations.filter(method => method.type !== 'fact')
  const facts = declarations.filter(method => method.type === 'fact')
  return [
    '## Methods',
    '',
    'Privacy: `private` methods are encrypted both ways, `sealed` ones at least in the reply, `public` ones not at all.',
    '',
    table(open),
    '',
    '### Facts',
    '',
    'Commands of the service itself, in its log only. Nobody else can send them, and they are never served.',
    '',
    table(facts),
    '',
    '## Refusals',
    '',
    'In precedence order: when several apply, the first is given. `http` refusals come over HTTP alone, `admission` refusals',
    'as `OK false`, `result` refusals as a signed result of status `error`.',
    '',
    '| code | when |',
    '|---|---|',
    ...rejections.map(({ code, stage }) => `| \`${code}\` | ${stage} |`),
    '',
    '## Schemas',
    '',
    ...open.flatMap(schemaSection),
  ].join('\n')
}

function table(declarations: readonly MethodDeclaration[]): string {
  const rows = declarations.map(
    ({ name, type, caller, privacy, summary }) => `| \`${name}\` | ${type} | ${caller} | ${privacy} | ${summary} |`,
  )
  return ['| method | type | caller | privacy | what |', '|---|---|---|---|---|', ...rows].join('\n')
}

function schemaSection(declaration: MethodDeclaration): string[] {
  const { params, result } = methodSchemas(declaration)
  const json = (schema: object) => ['```json', JSON.stringify(schema, null, 1), '```', '']
  return [`### ${declaration.name}`, '', 'Params:', '', ...json(params), 'Result:', '', ...json(result)]
}
