import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The service compiled into a directory of its own: starts in a third of the time, and may be tampered with. */
export type Program = {
  /** The `panda` command. */
  readonly entry: string
  /** The directory of the compiled `relay/` and `src/`. */
  readonly directory: string
  remove(): void
}

/** What a finished command said and how it ended. */
export type Finished = { readonly exitCode: number | null; readonly output: string }

const project = fileURLToPath(new URL('../..', import.meta.url))

/** Compiles the service without checking its types, which is another check's work. Packages and the manifest are found as they are in the project. */
export async function buildProgram(): Promise<Program> {
  const root = mkdtempSync(join(tmpdir(), 'panda-build-'))
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(project, name), join(root, name))
  const directory = join(root, 'dist')
  const compiler = join(project, 'node_modules/typescript/bin/tsc')
  const options = [
    '-p',
    join(project, 'tsconfig.build.json'),
    '--outDir',
    directory,
    '--sourceMap',
    'false',
    '--noCheck',
  ]
  const { exitCode, output } = await run([compiler, ...options])
  if (exitCode !== 0) throw new Error(`the service does not compile:\n${output}`)
  return {
    entry: join(directory, 'src/cli/panda.js'),
    directory,
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** Changes one place of the compiled service. Throws when the text is not there exactly once: the change must be made. */
export function tamper(program: Program, change: { file: string; from: string; to: string }): void {
  const path = join(program.directory, change.file)
  const parts = readFileSync(path, 'utf8').split(change.from)
  if (parts.length !== 2) throw new Error(`${change.file} has ${parts.length - 1} places that say ${change.from}`)
  writeFileSync(path, parts.join(change.to))
}

/** Runs a script in a process of its own until it ends. */
function run(args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk
      })
    }
    child.on('error', reject)
    child.on('close', exitCode => resolve({ exitCode, output }))
  })
}

/** `panda verify` on a data directory, in its own process. */
export function verify(program: Program, data: string): Promise<Finished> {
  return run([program.entry, 'verify', '--data', data])
}
