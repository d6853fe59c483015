import type { Clock } from '../../../lib/clock.ts'
import type { InformerFactory } from '../../client/informer.ts'
import type { AnyController } from '../controller.ts'
import { createCsiAttacher } from './attacher.controller.ts'
import { createCsiDrivers } from './csi-drivers.ts'
import type { CsiDrivers } from './csi-drivers.ts'
import { createCsiProvisioner } from './provisioner.controller.ts'
import { createCsiResizer } from './resizer.controller.ts'
import { createCsiVolumeDeleter } from './volume-deleter.controller.ts'

/** What upstream runs as sidecars beside each CSI driver, for the drivers that are named here; nothing where none is. */
export function createCsiControllers(options: {
  readonly informers: InformerFactory
  readonly clock: Clock
  readonly csiEndpoints?: Readonly<Record<string, string>>
}): readonly AnyController[] {
  const { informers, clock, csiEndpoints = {} } = options
  return Object.keys(csiEndpoints).length === 0 ? [] : csiControllersOf({ informers, drivers: createCsiDrivers(csiEndpoints, clock) })
}

/** The controllers of drivers that are at hand. */
export function csiControllersOf(options: { readonly informers: InformerFactory; readonly drivers: CsiDrivers }): readonly AnyController[] {
  return [createCsiProvisioner(options), createCsiVolumeDeleter(options), createCsiAttacher(options), createCsiResizer(options)]
}
