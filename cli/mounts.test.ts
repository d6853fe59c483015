import { expect, test } from 'vitest'
import { unmountBelow } from './mounts.ts'

test('a folder that is not there has nothing mounted below it', () => {
  expect(() => unmountBelow('/nowhere/at/all')).not.toThrow()
})
