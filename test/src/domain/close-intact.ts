import { expect } from 'vitest'
import { differences } from '../pipeline/verify-log.ts'
import type { TestService } from '../service.ts'
import { contradictions } from './books.ts'

/** Closes a service in which nothing has gone wrong: no table contradicts another, and all are what its log comes to. */
export async function closeIntact(service: TestService): Promise<void> {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  expect(await differences(service.environment, service.signer)).toEqual([])
  await service.close()
}
