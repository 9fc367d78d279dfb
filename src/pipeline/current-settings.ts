import { initialSettings } from '../domain/settings.ts'
import type { Environment } from '../store/environment.ts'
import type { Settings } from '../store/settings-row.ts'
import { tables } from '../store/tables.ts'

const key = tables.settings.encodeKey(['current'])
/** The settings last decoded, with the bytes they came from: they change seldom and are looked at by every command. */
const decoded = new WeakMap<Environment, { bytes: Buffer; settings: Settings }>()

/** The settings in force; inside a transaction, those that it sees. */
export function currentSettings(environment: Environment): Settings {
  const bytes = environment.bytes(tables.settings).get(key)
  if (bytes === undefined) return initialSettings
  const last = decoded.get(environment)
  if (last?.bytes.equals(bytes)) return last.settings
  const settings = tables.settings.codec.decode(bytes)
  decoded.set(environment, { bytes, settings })
  return settings
}
