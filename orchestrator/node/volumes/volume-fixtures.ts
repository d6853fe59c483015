import type { ConfigSource, StorageSource } from '../container/environment.ts'
import { missingDriver } from './csi/csi-volumes.ts'
import type { VolumeDrivers } from './csi/csi-volumes.ts'
import type { TokenSource } from './service-account-tokens.ts'

/** A source of objects for tests: it has what is given and nothing else. */
export const testSource = (has: Partial<ConfigSource & StorageSource> = {}): ConfigSource & StorageSource => ({
  configMap: async () => undefined,
  secret: async () => undefined,
  claim: async () => undefined,
  volume: async () => undefined,
  driver: async () => undefined,
  attachment: async () => undefined,
  ...has,
})

/** Gives the same token to everybody. */
export const testTokens = (token = 'jwt', refreshAtMs = 4_000): TokenSource => ({
  token: async () => ({ token, expiresAtMs: 5_000, refreshAtMs }),
  forget: () => {},
})

/** A node without CSI drivers. */
export const noDrivers: VolumeDrivers = {
  publish: ({ volume, persistent }) => Promise.reject(new Error(missingDriver((persistent?.volume.spec?.csi ?? volume.csi)!.driver))),
  remove: async () => {},
  hasDriver: () => false,
  figuresOf: async () => 'not-mounted',
}
