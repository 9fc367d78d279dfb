import { openEnvironment } from '../../../src/store/environment.ts'
import { migrate } from '../../../src/store/migrations.ts'

/** Makes a data directory with nothing in it, as the service does when it starts for the first time. */
export async function makeNewData(directory: string): Promise<void> {
  const environment = openEnvironment({ directory, mapSizeBytes: 2 ** 30 })
  migrate(environment)
  await environment.close()
}
