import { toTimestamp } from '../../../lib/clock.ts'
import { clusterSettingsObject } from '../../api/cluster-settings.ts'
import { findKindByName } from '../../api/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { isAlreadyExists } from '../../api/status-error.ts'
import { loopbackUser } from '../auth/user.ts'
import { copyJson } from '../rest/copy.ts'
import type { Core, Target } from '../rest/core.ts'
import { createObject, type WriteContext } from '../rest/create.ts'
import { splitApiVersion } from '../rest/decode.ts'
import { viewOf } from '../rest/kind-view.ts'
import { updateObject } from '../rest/update.ts'
import * as objects from './objects.ts'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './policy.ts'

const context: WriteContext = { user: loopbackUser, isDryRun: false, warnings: [] }

/** Makes what every cluster has and brings back what users must not lose. Safe to repeat. */
export async function bootstrap(core: Core, facts: objects.BootstrapFacts): Promise<void> {
  const isFirstStart = core.store.get('core/namespaces/default') === undefined
  await ensureAll(core, objects.namespaces())
  await Promise.all([
    ensureAll(core, [...clusterRoles, ...clusterRoleBindings, ...roles, ...roleBindings], keepRules),
    ensureAll(core, [...objects.serviceAccounts(), ...objects.priorityClasses()]),
    ensureAll(core, [objects.authenticationConfig(facts)], replaceField('data')),
    ensureAll(core, [objects.clusterInfo(facts)], keepOtherData),
    ensureAll(core, facts.settings === undefined ? [] : [clusterSettingsObject(facts.settings)], replaceField('data')),
    ensureAll(core, objects.services(facts), keepServices),
    ensureAll(core, objects.kubernetesEndpoints(facts), (present, wanted) => ({ ...present, ...wanted, metadata: present.metadata })),
    ensureAll(core, objects.apiServices(facts), replaceField('spec')),
    // Defaults that users may remove for good.
    ...(isFirstStart ? [ensureAll(core, [objects.defaultLimits, objects.localStorageClass])] : []),
  ])
  await markLocalApis(core)
}

/** Turns what is there into what should be. */
type Reconcile = (present: KubeObject, wanted: KubeObject) => KubeObject

async function ensureAll(core: Core, wanted: readonly KubeObject[], reconcile?: Reconcile): Promise<void> {
  await Promise.all(wanted.map((object) => ensure(core, object, reconcile)))
}

async function ensure(core: Core, wanted: KubeObject, reconcile: Reconcile | undefined): Promise<void> {
  const [group, version] = splitApiVersion(wanted.apiVersion)
  const view = viewOf(findKindByName(group, version, wanted.kind)!)
  const { namespace = '', name = '' } = wanted.metadata
  const target: Target = { view, namespace, name }
  const present = core.store.get(view.keyOf(namespace, name))
  if (present === undefined) {
    await createObject(core, target, copyJson(wanted), context).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error
    })
  } else if (reconcile !== undefined) {
    const change = (current: KubeObject) => copyJson(reconcile(current, wanted))
    await updateObject(core, target, { ...context, subresource: '', change })
  }
}

const replaceField =
  (field: string): Reconcile =>
  (present, wanted) => ({ ...present, [field]: (wanted as unknown as Record<string, unknown>)[field] })

/** Roles and bindings are ours unless an administrator has said otherwise. The rules of aggregates are written by a controller. */
function keepRules(present: KubeObject, wanted: KubeObject): KubeObject {
  if (present.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] !== 'true') return present
  const { metadata, ...whole } = wanted
  const { rules, ...withoutRules } = whole as { readonly rules?: unknown; readonly aggregationRule?: unknown }
  const rest = withoutRules.aggregationRule === undefined ? { ...withoutRules, rules } : withoutRules
  return { ...present, ...rest, metadata: { ...present.metadata, labels: { ...present.metadata.labels, ...metadata.labels } } }
}

/** Signatures over the data are somebody else's. */
function keepOtherData(present: KubeObject, wanted: KubeObject): KubeObject {
  const [before, after] = [present, wanted].map((object) => (object as { readonly data?: object }).data)
  return { ...present, data: { ...before, ...after } } as KubeObject
}

/** Ports, names and the way of traffic follow the configuration; a cluster IP stays as it was given. */
function keepServices(present: KubeObject, wanted: KubeObject): KubeObject {
  const before = (present as { readonly spec?: object }).spec
  const { clusterIP: _, type: __, ...followed } = (wanted as { readonly spec?: Readonly<Record<string, unknown>> }).spec ?? {}
  return { ...present, spec: { ...before, ...followed } } as KubeObject
}

/** What is served here is always available. */
async function markLocalApis(core: Core): Promise<void> {
  const prefix = 'apiregistration.k8s.io/apiservices/'
  const view = viewOf(findKindByName('apiregistration.k8s.io', 'v1', 'APIService')!)
  const condition = {
    type: 'Available',
    status: 'True',
    lastTransitionTime: toTimestamp(core.clock.now()),
    reason: 'Local',
    message: 'Local APIServices are always available',
  }
  const pending = core.store.list(prefix).entries.filter(({ object }) => {
    const { spec, status } = object as {
      readonly spec?: { readonly service?: unknown }
      readonly status?: { readonly conditions?: readonly unknown[] }
    }
    return spec?.service === undefined && (status?.conditions ?? []).length === 0
  })
  await Promise.all(
    pending.map(({ object }) => {
      const change = (current: KubeObject) => copyJson({ ...current, status: { conditions: [condition] } }) as KubeObject
      return updateObject(
        core,
        { view, namespace: '', name: (object as KubeObject).metadata.name! },
        { ...context, subresource: 'status', change },
      )
    }),
  )
}
