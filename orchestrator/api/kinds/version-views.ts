import {
  AdmissionregistrationV1alpha1MutatingAdmissionPolicy,
  AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding,
  AdmissionregistrationV1beta1MutatingAdmissionPolicy,
  AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding,
  CertificatesV1alpha1ClusterTrustBundle,
  CertificatesV1beta1ClusterTrustBundle,
  CoordinationV1alpha2LeaseCandidate,
  CoordinationV1beta1LeaseCandidate,
  NetworkingV1beta1IPAddress,
  NetworkingV1beta1ServiceCIDR,
  NetworkingV1IPAddress,
  NetworkingV1ServiceCIDR,
  ResourceV1beta1DeviceClass,
  ResourceV1beta1ResourceClaim,
  ResourceV1beta1ResourceClaimTemplate,
  ResourceV1beta1ResourceSlice,
  ResourceV1beta2DeviceClass,
  ResourceV1beta2ResourceClaim,
  ResourceV1beta2ResourceClaimTemplate,
  ResourceV1beta2ResourceSlice,
  ResourceV1DeviceClass,
  ResourceV1ResourceClaim,
  ResourceV1ResourceClaimTemplate,
  ResourceV1ResourceSlice,
  StorageV1beta1VolumeAttributesClass,
  StorageV1VolumeAttributesClass,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { apiVersionOf, type Kind, type KubeObject } from '../object.ts'

type Convert = (object: KubeObject) => KubeObject

const relabelled = (kind: Kind): Convert => {
  const apiVersion = apiVersionOf(kind)
  return (object) => ({ ...object, apiVersion })
}

/** An older version that differs from the stored one in nothing but its name. */
function sameShape(kind: Kind, stored: Kind): KindPart<KubeObject> {
  return { kind, storage: { kind: stored, toStorage: relabelled(stored), fromStorage: relabelled(kind) } }
}

function reshaped(kind: Kind, stored: Kind, { up, down }: { readonly up: Convert; readonly down: Convert }): KindPart<KubeObject> {
  return {
    kind,
    storage: {
      kind: stored,
      toStorage: (object) => relabelled(stored)(up(object)),
      fromStorage: (object) => relabelled(kind)(down(object)),
    },
  }
}

type Fields = Record<string, unknown>
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})

/** The object with the list at `path` mapped; the object itself where there is none. */
function mapList(object: unknown, path: readonly string[], map: (item: Fields) => Fields): Fields {
  const fields = fieldsOf(object)
  const [head, ...rest] = path as [string, ...string[]]
  const value = fields[head]
  if (value === undefined) return fields
  if (rest.length > 0) return { ...fields, [head]: mapList(value, rest, map) }
  return Array.isArray(value) ? { ...fields, [head]: value.map((item) => map(fieldsOf(item))) } : fields
}

/** v1beta1 has the fields of a single request beside its name; later versions have them under `exactly`. */
function nestRequest({ name, firstAvailable, ...exactly }: Fields): Fields {
  return firstAvailable === undefined ? { name, exactly } : { name, firstAvailable }
}

function flattenRequest({ exactly, ...request }: Fields): Fields {
  return { ...request, ...fieldsOf(exactly) }
}

/** v1beta1 has a device's fields under `basic`; later versions beside its name. */
const flattenDevice = ({ name, basic }: Fields): Fields => ({ name, ...fieldsOf(basic) })
const nestDevice = ({ name, ...basic }: Fields): Fields => ({ name, basic })

const along =
  (path: readonly string[], map: (item: Fields) => Fields): Convert =>
  (object) =>
    mapList(object, path, map) as unknown as KubeObject
const requests = (path: readonly string[]) => ({ up: along(path, nestRequest), down: along(path, flattenRequest) })

/** Older versions of kinds: views of the newest one, which alone is stored. */
export const versionViews: readonly KindPart<KubeObject>[] = [
  sameShape(AdmissionregistrationV1alpha1MutatingAdmissionPolicy, AdmissionregistrationV1beta1MutatingAdmissionPolicy),
  sameShape(AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding, AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding),
  sameShape(CertificatesV1alpha1ClusterTrustBundle, CertificatesV1beta1ClusterTrustBundle),
  sameShape(CoordinationV1alpha2LeaseCandidate, CoordinationV1beta1LeaseCandidate),
  sameShape(NetworkingV1beta1IPAddress, NetworkingV1IPAddress),
  sameShape(NetworkingV1beta1ServiceCIDR, NetworkingV1ServiceCIDR),
  sameShape(ResourceV1beta1DeviceClass, ResourceV1DeviceClass),
  sameShape(ResourceV1beta2DeviceClass, ResourceV1DeviceClass),
  sameShape(ResourceV1beta2ResourceClaim, ResourceV1ResourceClaim),
  sameShape(ResourceV1beta2ResourceClaimTemplate, ResourceV1ResourceClaimTemplate),
  sameShape(ResourceV1beta2ResourceSlice, ResourceV1ResourceSlice),
  sameShape(StorageV1beta1VolumeAttributesClass, StorageV1VolumeAttributesClass),
  reshaped(ResourceV1beta1ResourceClaim, ResourceV1ResourceClaim, requests(['spec', 'devices', 'requests'])),
  reshaped(ResourceV1beta1ResourceClaimTemplate, ResourceV1ResourceClaimTemplate, requests(['spec', 'spec', 'devices', 'requests'])),
  reshaped(ResourceV1beta1ResourceSlice, ResourceV1ResourceSlice, {
    up: along(['spec', 'devices'], flattenDevice),
    down: along(['spec', 'devices'], nestDevice),
  }),
]
