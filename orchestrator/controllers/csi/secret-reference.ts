import { CoreV1Secret } from '../../api/generated/kinds.ts'
import type { CoreV1PersistentVolumeClaim, CoreV1SecretReference } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'

const prefix = 'csi.storage.k8s.io/'

/** The parameters of a class that are meant for whoever provisions, not for the driver. */
export const isReservedParameter = (name: string) => name.startsWith(prefix)

/** What a class names a secret for. */
export type SecretUse = 'provisioner' | 'controller-publish' | 'controller-expand' | 'node-stage' | 'node-publish' | 'node-expand'

/**
 * The secret that a class names for a use, with `${pv.name}`, `${pvc.namespace}`, `${pvc.name}` and `${pvc.annotations['…']}` filled in where upstream's provisioner
 * allows them. Throws where the name has anything else to be filled in, or only one of name and namespace is there.
 */
export function secretReference(
  use: SecretUse,
  parameters: Readonly<Record<string, string>>,
  { volumeName, claim }: { readonly volumeName: string; readonly claim: CoreV1PersistentVolumeClaim },
): CoreV1SecretReference | undefined {
  const name = parameters[`${prefix}${use}-secret-name`]
  const namespace = parameters[`${prefix}${use}-secret-namespace`]
  if (name === undefined && namespace === undefined) return undefined
  if (name === undefined || namespace === undefined)
    throw new Error(`parameters of the class name only one of the two of ${use}-secret-name and -namespace`)
  const both: Record<string, string> = { 'pv.name': volumeName, 'pvc.namespace': claim.metadata.namespace! }
  const all: Record<string, string> = { ...both, 'pvc.name': claim.metadata.name! }
  for (const [key, value] of Object.entries(claim.metadata.annotations ?? {})) all[`pvc.annotations['${key}']`] = value
  return { name: fill(name, all), namespace: fill(namespace, both) }
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{([^}]*)\}/g, (whole, key: string) => {
    if (!Object.hasOwn(values, key)) throw new Error(`${JSON.stringify(whole)} in the name of a secret cannot be filled in`)
    return values[key]!
  })
}

/** What a secret holds, as text; nothing where none is named. Rejects where it is not there. */
export async function readSecret(client: Client, reference: CoreV1SecretReference | undefined): Promise<Readonly<Record<string, string>>> {
  if (reference?.name === undefined || reference.name === '') return {}
  const { data = {} } = await client.get(CoreV1Secret, { namespace: reference.namespace, name: reference.name })
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}
