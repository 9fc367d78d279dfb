import { type ChildRole, childRoles } from './child.ts'

/** Each loads only what it needs: starting a process takes longer than many a task. */
const roles: Readonly<Record<ChildRole, () => Promise<void>>> = {
  load: async () => (await import('./load-process.ts')).runLoadProcess(),
  'constant-route': async () => (await import('./constant-route.ts')).runConstantRoute(),
  'naive-relay': async () => (await import('./naive-relay.ts')).runNaiveRelay(),
}

/** Runs the benchmark named by the arguments, or plays the part of one of its processes. */
const args = process.argv.slice(2)
const role = childRoles.find(name => name === args[0])
if (role !== undefined && process.send !== undefined) await roles[role]()
else process.exitCode = await (await import('./command-line.ts')).runCommandLine(args)
