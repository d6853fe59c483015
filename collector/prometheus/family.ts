import type { Container } from '../container.ts'
import type { FileSystem } from '../machine/file-systems.ts'
import { column, fieldIndex, scalars } from '../metrics.ts'
import type { FieldOf, GroupName, ScalarName } from '../metrics.ts'
import type { Rates } from '../rates.ts'
import type { Instance } from '../sample-ring.ts'
import type { Subject } from '../subjects.ts'
import type { Family } from './exposition.ts'
import { renderLabels, type Labels } from './labels.ts'

/** A value of a family, in units of 10^-`decimals` (0), with the labels that it has beyond the container's. */
export type Emit = (extra: Labels | undefined, value: number, decimals?: number) => void

/** What values need besides the container. */
export interface FamilyContext {
  /** Size of the file system that writable layers are on; NaN where unknown. */
  readonly storageCapacityBytes: number
  /** The machine's file systems, a device once, with its rendered labels. */
  readonly fileSystems: readonly { readonly labels: Labels; readonly system: FileSystem }[]
  /** A container's ready-made rates, made once per scrape. */
  readonly ratesOf: (container: Container) => Rates | undefined
  /** Whether cores have series of their own instead of a total. */
  readonly hasCores: boolean
  /** Labels of a container's interface, disk or core. */
  readonly instanceLabels: InstanceLabels
}

/** A row: the family and where its values come from. */
export interface ContainerFamily extends Family {
  /** What switches it on and off; always there without one. */
  readonly subject?: Subject
  /** On a kubelet's page alone: a name of upstream's that a linter does not take under any type. */
  readonly isKubeletOnly?: true
  /** Leaves a container out. */
  when?(container: Container): boolean
  values(container: Container, emit: Emit, context: FamilyContext): void
}

const decimalsOf: Readonly<Record<string, number>> = { nanoseconds: 9, microseconds: 6, milliseconds: 3 }

/** A family of one sampled figure; times come out as seconds. */
export function scalar(subject: Subject, type: Family['type'], name: string, metric: ScalarName): ContainerFamily {
  const index = column[metric]
  const { help, unit } = scalars[metric]
  const decimals = decimalsOf[unit] ?? 0
  return { name, type, help, subject, values: ({ ring }, emit) => emit(undefined, ring.get(index), decimals) }
}

/** A family with several figures, each under labels of its own. */
export function labelled(
  family: Family & { readonly subject: Subject },
  figures: readonly (readonly [labels: Readonly<Record<string, string>>, metric: ScalarName])[],
): ContainerFamily {
  const rows = figures.map(([labels, metric]) => ({ labels: renderLabels(labels), index: column[metric] }))
  return {
    ...family,
    values: ({ ring }, emit) => {
      for (const { labels, index } of rows) emit(labels, ring.get(index))
    },
  }
}

/** A limit or another fact of a container; `undefined` leaves it out. */
export function fact(name: string, help: string, of: (container: Container) => number | undefined): ContainerFamily {
  return { name, help, type: 'gauge', values: (container, emit) => emit(undefined, of(container) ?? Number.NaN) }
}

/** A family with one series per interface, disk or core. */
export function perInstance<G extends GroupName>(
  family: Family & { readonly subject: Subject },
  group: G,
  field: FieldOf<G>,
  decimals = 0,
): ContainerFamily {
  const index = fieldIndex(group, field)
  return {
    ...family,
    values: ({ ring }, emit, { instanceLabels }) => {
      for (const instance of ring.instances(group)) {
        emit(instanceLabels.of(group, instance), ring.instanceValue(group, instance, index), decimals)
      }
    },
  }
}

/** Labels of instances, rendered once for each. */
export class InstanceLabels {
  readonly #rendered = new WeakMap<Instance, Labels>()
  readonly #blockDevices = new WeakMap<Instance, Readonly<Record<'Read' | 'Write', Labels>>>()
  #diskNames: ReadonlyMap<string, string> = new Map()

  /** Names of disks by `major:minor`. */
  useDiskNames(names: ReadonlyMap<string, string>): void {
    this.#diskNames = names
  }

  /** `interface="eth0"`, `device="/dev/vda"`, `cpu="cpu00"`. */
  of(group: GroupName, instance: Instance): Labels {
    const known = this.#rendered.get(instance)
    if (known !== undefined) return known
    const labels = renderLabels(this.#labelsOf(group, instance.name))
    // A disk that came later gets its name once the machine has been looked at again.
    if (!group.startsWith('disk') || this.#diskNames.has(instance.name)) this.#rendered.set(instance, labels)
    return labels
  }

  /** `device="/dev/vda",major="8",minor="0",operation="Read"`. */
  ofBlockDevice(instance: Instance, operation: 'Read' | 'Write'): Labels {
    const known = this.#blockDevices.get(instance)
    if (known !== undefined) return known[operation]
    const [major = '', minor = ''] = instance.name.split(':')
    const device = { device: this.#diskNames.get(instance.name) ?? '', major, minor }
    const rendered = { Read: renderLabels({ ...device, operation: 'Read' }), Write: renderLabels({ ...device, operation: 'Write' }) }
    if (this.#diskNames.has(instance.name)) this.#blockDevices.set(instance, rendered)
    return rendered[operation]
  }

  #labelsOf(group: GroupName, name: string): Record<string, string> {
    switch (group) {
      case 'network':
        return { interface: name }
      case 'perCpu':
        return { cpu: `cpu${name.padStart(2, '0')}` }
      case 'disk':
      case 'diskTimes':
      case 'diskCost':
        return { device: this.#diskNames.get(name) ?? '' }
    }
  }
}
