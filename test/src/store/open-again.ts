import { setTimeout as delay } from 'node:timers/promises'
import { openBeside } from '../../../src/store/open-beside.ts'

/** Opens the data of a directory for reading and closes it so many times, as tools of an operator do. */
const [directory = '', times = '0'] = process.argv.slice(2)
for (let index = 0; index < Number(times); index++) {
  const environment = await openBeside({ directory, mapSizeBytes: 2 ** 28 })
  await environment.close()
  await delay(Math.random() * 5)
}
