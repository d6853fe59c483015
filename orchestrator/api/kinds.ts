import { resourceRows } from './generated/resources.ts'
import type { KindDeclaration, KindPart } from './kind-declaration.ts'
import { resourceNames } from './kinds/names.ts'
import { writtenParts } from './kinds/written.ts'
import { legacyKinds, type LegacyKind } from './legacy.ts'
import type { KubeObject } from './object.ts'
import type { ResourceRow } from './resource-row.ts'
import { ageCell, defaultColumns } from './table-cells.ts'

const keyOf = (group: string, version: string, name: string) => `${group}/${version}/${name}`

/** Kinds with a spec whose changes upstream does not count. */
const withoutGeneration = new Set([
  'APIService',
  'CertificateSigningRequest',
  'HorizontalPodAutoscaler',
  'Lease',
  'LimitRange',
  'Namespace',
  'Node',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'ResourceQuota',
  'Service',
])

function declare(row: ResourceRow, part: Partial<KindPart<KubeObject>> | undefined): KindDeclaration {
  const names = resourceNames[row.group === '' ? row.plural : `${row.plural}.${row.group}`]
  const { group, version, kind, plural, isNamespaced } = row
  return {
    kind: { group, version, kind, plural, isNamespaced },
    definition: row.definition,
    singular: kind.toLowerCase(),
    shortNames: names?.shortNames ?? [],
    categories: names?.categories ?? [],
    verbs: row.verbs,
    subresources: row.subresources.map((subresource) => subresource.name),
    nameRule: 'subdomain',
    alwaysWritten: row.alwaysWritten,
    countsGenerations: row.alwaysWritten.includes('spec') && !withoutGeneration.has(kind),
    columns: defaultColumns,
    cells: (object, now) => [object.metadata.name ?? '', ageCell(object, now)],
    ...part,
    selectableFields: { ...metadataFields(isNamespaced), ...part?.selectableFields },
  }
}

const metadataFields = (isNamespaced: boolean): KindDeclaration['selectableFields'] => ({
  'metadata.name': (object) => object.metadata.name ?? '',
  ...(isNamespaced ? { 'metadata.namespace': (object: KubeObject) => object.metadata.namespace ?? '' } : {}),
})

const parts = new Map(writtenParts.map((part) => [keyOf(part.kind.group, part.kind.version, part.kind.kind), part]))

/** Every kind that has a collection, in the order of the interface tables. */
export const kinds: readonly KindDeclaration[] = resourceRows.map((row) => declare(row, parts.get(keyOf(row.group, row.version, row.kind))))

/** A retired kind's declaration: its successor's, under the old name. It has no list or watch, so that nothing sees an object twice. */
function declareLegacy({ kind, alias }: LegacyKind): KindDeclaration {
  const { storage: _, ...successor } = kinds.find(
    (candidate) =>
      candidate.kind.group === alias.kind.group && candidate.kind.version === alias.kind.version && candidate.kind.kind === alias.kind.kind,
  )!
  return { ...successor, kind, alias, shortNames: [], categories: [], verbs: ['create', 'delete', 'get', 'patch', 'update'] }
}

/** The retired kinds, each an alias of one of `kinds`. */
export const legacyDeclarations: readonly KindDeclaration[] = legacyKinds.map(declareLegacy)

const served = [...kinds, ...legacyDeclarations]
const byPlural = new Map(
  served.map((declaration) => [keyOf(declaration.kind.group, declaration.kind.version, declaration.kind.plural), declaration]),
)
const byName = new Map(
  served.map((declaration) => [keyOf(declaration.kind.group, declaration.kind.version, declaration.kind.kind), declaration]),
)

/** The kind behind a URL: `findKind('apps', 'v1', 'deployments')`. Retired kinds are found too; they have an `alias`. */
export function findKind(group: string, version: string, plural: string): KindDeclaration | undefined {
  return byPlural.get(keyOf(group, version, plural))
}

/** The kind that an object names: `findKindByName('apps', 'v1', 'Deployment')`. Retired kinds are found too. */
export function findKindByName(group: string, version: string, kind: string): KindDeclaration | undefined {
  return byName.get(keyOf(group, version, kind))
}
