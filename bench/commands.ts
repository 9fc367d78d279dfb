import type { BenchOptions } from './options.ts'
export async function benchCommands(_o: BenchOptions): Promise<void> {}
