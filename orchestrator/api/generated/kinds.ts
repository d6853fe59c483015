/** The Kubernetes 1.35 types and kinds. Generated from orchestrator/api/data by `npm run generate`; do not edit. */
import type { Kind } from '../object.ts'

export interface AdmissionregistrationV1AuditAnnotation {
  key: string
  valueExpression: string
}

export interface AdmissionregistrationV1ExpressionWarning {
  fieldRef: string
  warning: string
}

export interface AdmissionregistrationV1MatchCondition {
  expression: string
  name: string
}

export interface AdmissionregistrationV1MatchResources {
  excludeResourceRules?: AdmissionregistrationV1NamedRuleWithOperations[]
  matchPolicy?: string
  namespaceSelector?: MetaV1LabelSelector
  objectSelector?: MetaV1LabelSelector
  resourceRules?: AdmissionregistrationV1NamedRuleWithOperations[]
}

export interface AdmissionregistrationV1MutatingWebhook {
  admissionReviewVersions: string[]
  clientConfig: AdmissionregistrationV1WebhookClientConfig
  failurePolicy?: string
  matchConditions?: AdmissionregistrationV1MatchCondition[]
  matchPolicy?: string
  name: string
  namespaceSelector?: MetaV1LabelSelector
  objectSelector?: MetaV1LabelSelector
  reinvocationPolicy?: string
  rules?: AdmissionregistrationV1RuleWithOperations[]
  sideEffects: string
  timeoutSeconds?: number
}

export interface AdmissionregistrationV1MutatingWebhookConfiguration {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  webhooks?: AdmissionregistrationV1MutatingWebhook[]
}

export const AdmissionregistrationV1MutatingWebhookConfiguration: Kind<AdmissionregistrationV1MutatingWebhookConfiguration> = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations', isNamespaced: false }

export interface AdmissionregistrationV1MutatingWebhookConfigurationList {
  apiVersion?: string
  items: AdmissionregistrationV1MutatingWebhookConfiguration[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1NamedRuleWithOperations {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resourceNames?: string[]
  resources?: string[]
  scope?: string
}

export interface AdmissionregistrationV1ParamKind {
  apiVersion?: string
  kind?: string
}

export interface AdmissionregistrationV1ParamRef {
  name?: string
  namespace?: string
  parameterNotFoundAction?: string
  selector?: MetaV1LabelSelector
}

export interface AdmissionregistrationV1RuleWithOperations {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resources?: string[]
  scope?: string
}

export interface AdmissionregistrationV1ServiceReference {
  name: string
  namespace: string
  path?: string
  port?: number
}

export interface AdmissionregistrationV1TypeChecking {
  expressionWarnings?: AdmissionregistrationV1ExpressionWarning[]
}

export interface AdmissionregistrationV1ValidatingAdmissionPolicy {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1ValidatingAdmissionPolicySpec
  status?: AdmissionregistrationV1ValidatingAdmissionPolicyStatus
}

export const AdmissionregistrationV1ValidatingAdmissionPolicy: Kind<AdmissionregistrationV1ValidatingAdmissionPolicy> = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicy', plural: 'validatingadmissionpolicies', isNamespaced: false }

export interface AdmissionregistrationV1ValidatingAdmissionPolicyBinding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1ValidatingAdmissionPolicyBindingSpec
}

export const AdmissionregistrationV1ValidatingAdmissionPolicyBinding: Kind<AdmissionregistrationV1ValidatingAdmissionPolicyBinding> = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings', isNamespaced: false }

export interface AdmissionregistrationV1ValidatingAdmissionPolicyBindingList {
  apiVersion?: string
  items: AdmissionregistrationV1ValidatingAdmissionPolicyBinding[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1ValidatingAdmissionPolicyBindingSpec {
  matchResources?: AdmissionregistrationV1MatchResources
  paramRef?: AdmissionregistrationV1ParamRef
  policyName?: string
  validationActions?: string[]
}

export interface AdmissionregistrationV1ValidatingAdmissionPolicyList {
  apiVersion?: string
  items: AdmissionregistrationV1ValidatingAdmissionPolicy[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1ValidatingAdmissionPolicySpec {
  auditAnnotations?: AdmissionregistrationV1AuditAnnotation[]
  failurePolicy?: string
  matchConditions?: AdmissionregistrationV1MatchCondition[]
  matchConstraints?: AdmissionregistrationV1MatchResources
  paramKind?: AdmissionregistrationV1ParamKind
  validations?: AdmissionregistrationV1Validation[]
  variables?: AdmissionregistrationV1Variable[]
}

export interface AdmissionregistrationV1ValidatingAdmissionPolicyStatus {
  conditions?: MetaV1Condition[]
  observedGeneration?: number
  typeChecking?: AdmissionregistrationV1TypeChecking
}

export interface AdmissionregistrationV1ValidatingWebhook {
  admissionReviewVersions: string[]
  clientConfig: AdmissionregistrationV1WebhookClientConfig
  failurePolicy?: string
  matchConditions?: AdmissionregistrationV1MatchCondition[]
  matchPolicy?: string
  name: string
  namespaceSelector?: MetaV1LabelSelector
  objectSelector?: MetaV1LabelSelector
  rules?: AdmissionregistrationV1RuleWithOperations[]
  sideEffects: string
  timeoutSeconds?: number
}

export interface AdmissionregistrationV1ValidatingWebhookConfiguration {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  webhooks?: AdmissionregistrationV1ValidatingWebhook[]
}

export const AdmissionregistrationV1ValidatingWebhookConfiguration: Kind<AdmissionregistrationV1ValidatingWebhookConfiguration> = { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations', isNamespaced: false }

export interface AdmissionregistrationV1ValidatingWebhookConfigurationList {
  apiVersion?: string
  items: AdmissionregistrationV1ValidatingWebhookConfiguration[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1Validation {
  expression: string
  message?: string
  messageExpression?: string
  reason?: string
}

export interface AdmissionregistrationV1Variable {
  expression: string
  name: string
}

export interface AdmissionregistrationV1WebhookClientConfig {
  caBundle?: string
  service?: AdmissionregistrationV1ServiceReference
  url?: string
}

export interface AdmissionregistrationV1alpha1ApplyConfiguration {
  expression?: string
}

export interface AdmissionregistrationV1alpha1JSONPatch {
  expression?: string
}

export interface AdmissionregistrationV1alpha1MatchCondition {
  expression: string
  name: string
}

export interface AdmissionregistrationV1alpha1MatchResources {
  excludeResourceRules?: AdmissionregistrationV1alpha1NamedRuleWithOperations[]
  matchPolicy?: string
  namespaceSelector?: MetaV1LabelSelector
  objectSelector?: MetaV1LabelSelector
  resourceRules?: AdmissionregistrationV1alpha1NamedRuleWithOperations[]
}

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicy {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1alpha1MutatingAdmissionPolicySpec
}

export const AdmissionregistrationV1alpha1MutatingAdmissionPolicy: Kind<AdmissionregistrationV1alpha1MutatingAdmissionPolicy> = { group: 'admissionregistration.k8s.io', version: 'v1alpha1', kind: 'MutatingAdmissionPolicy', plural: 'mutatingadmissionpolicies', isNamespaced: false }

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1alpha1MutatingAdmissionPolicyBindingSpec
}

export const AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding: Kind<AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding> = { group: 'admissionregistration.k8s.io', version: 'v1alpha1', kind: 'MutatingAdmissionPolicyBinding', plural: 'mutatingadmissionpolicybindings', isNamespaced: false }

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicyBindingList {
  apiVersion?: string
  items: AdmissionregistrationV1alpha1MutatingAdmissionPolicyBinding[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicyBindingSpec {
  matchResources?: AdmissionregistrationV1alpha1MatchResources
  paramRef?: AdmissionregistrationV1alpha1ParamRef
  policyName?: string
}

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicyList {
  apiVersion?: string
  items: AdmissionregistrationV1alpha1MutatingAdmissionPolicy[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1alpha1MutatingAdmissionPolicySpec {
  failurePolicy?: string
  matchConditions?: AdmissionregistrationV1alpha1MatchCondition[]
  matchConstraints?: AdmissionregistrationV1alpha1MatchResources
  mutations?: AdmissionregistrationV1alpha1Mutation[]
  paramKind?: AdmissionregistrationV1alpha1ParamKind
  reinvocationPolicy?: string
  variables?: AdmissionregistrationV1alpha1Variable[]
}

export interface AdmissionregistrationV1alpha1Mutation {
  applyConfiguration?: AdmissionregistrationV1alpha1ApplyConfiguration
  jsonPatch?: AdmissionregistrationV1alpha1JSONPatch
  patchType: string
}

export interface AdmissionregistrationV1alpha1NamedRuleWithOperations {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resourceNames?: string[]
  resources?: string[]
  scope?: string
}

export interface AdmissionregistrationV1alpha1ParamKind {
  apiVersion?: string
  kind?: string
}

export interface AdmissionregistrationV1alpha1ParamRef {
  name?: string
  namespace?: string
  parameterNotFoundAction?: string
  selector?: MetaV1LabelSelector
}

export interface AdmissionregistrationV1alpha1Variable {
  expression: string
  name: string
}

export interface AdmissionregistrationV1beta1ApplyConfiguration {
  expression?: string
}

export interface AdmissionregistrationV1beta1JSONPatch {
  expression?: string
}

export interface AdmissionregistrationV1beta1MatchCondition {
  expression: string
  name: string
}

export interface AdmissionregistrationV1beta1MatchResources {
  excludeResourceRules?: AdmissionregistrationV1beta1NamedRuleWithOperations[]
  matchPolicy?: string
  namespaceSelector?: MetaV1LabelSelector
  objectSelector?: MetaV1LabelSelector
  resourceRules?: AdmissionregistrationV1beta1NamedRuleWithOperations[]
}

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicy {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1beta1MutatingAdmissionPolicySpec
}

export const AdmissionregistrationV1beta1MutatingAdmissionPolicy: Kind<AdmissionregistrationV1beta1MutatingAdmissionPolicy> = { group: 'admissionregistration.k8s.io', version: 'v1beta1', kind: 'MutatingAdmissionPolicy', plural: 'mutatingadmissionpolicies', isNamespaced: false }

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AdmissionregistrationV1beta1MutatingAdmissionPolicyBindingSpec
}

export const AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding: Kind<AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding> = { group: 'admissionregistration.k8s.io', version: 'v1beta1', kind: 'MutatingAdmissionPolicyBinding', plural: 'mutatingadmissionpolicybindings', isNamespaced: false }

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicyBindingList {
  apiVersion?: string
  items: AdmissionregistrationV1beta1MutatingAdmissionPolicyBinding[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicyBindingSpec {
  matchResources?: AdmissionregistrationV1beta1MatchResources
  paramRef?: AdmissionregistrationV1beta1ParamRef
  policyName?: string
}

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicyList {
  apiVersion?: string
  items: AdmissionregistrationV1beta1MutatingAdmissionPolicy[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AdmissionregistrationV1beta1MutatingAdmissionPolicySpec {
  failurePolicy?: string
  matchConditions?: AdmissionregistrationV1beta1MatchCondition[]
  matchConstraints?: AdmissionregistrationV1beta1MatchResources
  mutations?: AdmissionregistrationV1beta1Mutation[]
  paramKind?: AdmissionregistrationV1beta1ParamKind
  reinvocationPolicy?: string
  variables?: AdmissionregistrationV1beta1Variable[]
}

export interface AdmissionregistrationV1beta1Mutation {
  applyConfiguration?: AdmissionregistrationV1beta1ApplyConfiguration
  jsonPatch?: AdmissionregistrationV1beta1JSONPatch
  patchType: string
}

export interface AdmissionregistrationV1beta1NamedRuleWithOperations {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resourceNames?: string[]
  resources?: string[]
  scope?: string
}

export interface AdmissionregistrationV1beta1ParamKind {
  apiVersion?: string
  kind?: string
}

export interface AdmissionregistrationV1beta1ParamRef {
  name?: string
  namespace?: string
  parameterNotFoundAction?: string
  selector?: MetaV1LabelSelector
}

export interface AdmissionregistrationV1beta1Variable {
  expression: string
  name: string
}

export interface ApiserverinternalV1alpha1ServerStorageVersion {
  apiServerID?: string
  decodableVersions?: string[]
  encodingVersion?: string
  servedVersions?: string[]
}

export interface ApiserverinternalV1alpha1StorageVersion {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: Record<string, unknown>
  status: ApiserverinternalV1alpha1StorageVersionStatus
}

export const ApiserverinternalV1alpha1StorageVersion: Kind<ApiserverinternalV1alpha1StorageVersion> = { group: 'internal.apiserver.k8s.io', version: 'v1alpha1', kind: 'StorageVersion', plural: 'storageversions', isNamespaced: false }

export interface ApiserverinternalV1alpha1StorageVersionCondition {
  lastTransitionTime?: string
  message: string
  observedGeneration?: number
  reason: string
  status: string
  type: string
}

export interface ApiserverinternalV1alpha1StorageVersionList {
  apiVersion?: string
  items: ApiserverinternalV1alpha1StorageVersion[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ApiserverinternalV1alpha1StorageVersionStatus {
  commonEncodingVersion?: string
  conditions?: ApiserverinternalV1alpha1StorageVersionCondition[]
  storageVersions?: ApiserverinternalV1alpha1ServerStorageVersion[]
}

export interface AppsV1ControllerRevision {
  apiVersion: string
  data?: Record<string, unknown>
  kind: string
  metadata: MetaV1ObjectMeta
  revision: number
}

export const AppsV1ControllerRevision: Kind<AppsV1ControllerRevision> = { group: 'apps', version: 'v1', kind: 'ControllerRevision', plural: 'controllerrevisions', isNamespaced: true }

export interface AppsV1ControllerRevisionList {
  apiVersion?: string
  items: AppsV1ControllerRevision[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AppsV1DaemonSet {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AppsV1DaemonSetSpec
  status?: AppsV1DaemonSetStatus
}

export const AppsV1DaemonSet: Kind<AppsV1DaemonSet> = { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', isNamespaced: true }

export interface AppsV1DaemonSetCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface AppsV1DaemonSetList {
  apiVersion?: string
  items: AppsV1DaemonSet[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AppsV1DaemonSetSpec {
  minReadySeconds?: number
  revisionHistoryLimit?: number
  selector: MetaV1LabelSelector
  template: CoreV1PodTemplateSpec
  updateStrategy?: AppsV1DaemonSetUpdateStrategy
}

export interface AppsV1DaemonSetStatus {
  collisionCount?: number
  conditions?: AppsV1DaemonSetCondition[]
  currentNumberScheduled: number
  desiredNumberScheduled: number
  numberAvailable?: number
  numberMisscheduled: number
  numberReady: number
  numberUnavailable?: number
  observedGeneration?: number
  updatedNumberScheduled?: number
}

export interface AppsV1DaemonSetUpdateStrategy {
  rollingUpdate?: AppsV1RollingUpdateDaemonSet
  type?: string
}

export interface AppsV1Deployment {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AppsV1DeploymentSpec
  status?: AppsV1DeploymentStatus
}

export const AppsV1Deployment: Kind<AppsV1Deployment> = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', isNamespaced: true }

export interface AppsV1DeploymentCondition {
  lastTransitionTime?: string
  lastUpdateTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface AppsV1DeploymentList {
  apiVersion?: string
  items: AppsV1Deployment[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AppsV1DeploymentSpec {
  minReadySeconds?: number
  paused?: boolean
  progressDeadlineSeconds?: number
  replicas?: number
  revisionHistoryLimit?: number
  selector: MetaV1LabelSelector
  strategy?: AppsV1DeploymentStrategy
  template: CoreV1PodTemplateSpec
}

export interface AppsV1DeploymentStatus {
  availableReplicas?: number
  collisionCount?: number
  conditions?: AppsV1DeploymentCondition[]
  observedGeneration?: number
  readyReplicas?: number
  replicas?: number
  terminatingReplicas?: number
  unavailableReplicas?: number
  updatedReplicas?: number
}

export interface AppsV1DeploymentStrategy {
  rollingUpdate?: AppsV1RollingUpdateDeployment
  type?: string
}

export interface AppsV1ReplicaSet {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AppsV1ReplicaSetSpec
  status?: AppsV1ReplicaSetStatus
}

export const AppsV1ReplicaSet: Kind<AppsV1ReplicaSet> = { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', isNamespaced: true }

export interface AppsV1ReplicaSetCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface AppsV1ReplicaSetList {
  apiVersion?: string
  items: AppsV1ReplicaSet[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AppsV1ReplicaSetSpec {
  minReadySeconds?: number
  replicas?: number
  selector: MetaV1LabelSelector
  template?: CoreV1PodTemplateSpec
}

export interface AppsV1ReplicaSetStatus {
  availableReplicas?: number
  conditions?: AppsV1ReplicaSetCondition[]
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
  terminatingReplicas?: number
}

export interface AppsV1RollingUpdateDaemonSet {
  maxSurge?: string | number
  maxUnavailable?: string | number
}

export interface AppsV1RollingUpdateDeployment {
  maxSurge?: string | number
  maxUnavailable?: string | number
}

export interface AppsV1RollingUpdateStatefulSetStrategy {
  maxUnavailable?: string | number
  partition?: number
}

export interface AppsV1StatefulSet {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AppsV1StatefulSetSpec
  status?: AppsV1StatefulSetStatus
}

export const AppsV1StatefulSet: Kind<AppsV1StatefulSet> = { group: 'apps', version: 'v1', kind: 'StatefulSet', plural: 'statefulsets', isNamespaced: true }

export interface AppsV1StatefulSetCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface AppsV1StatefulSetList {
  apiVersion?: string
  items: AppsV1StatefulSet[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AppsV1StatefulSetOrdinals {
  start?: number
}

export interface AppsV1StatefulSetPersistentVolumeClaimRetentionPolicy {
  whenDeleted?: string
  whenScaled?: string
}

export interface AppsV1StatefulSetSpec {
  minReadySeconds?: number
  ordinals?: AppsV1StatefulSetOrdinals
  persistentVolumeClaimRetentionPolicy?: AppsV1StatefulSetPersistentVolumeClaimRetentionPolicy
  podManagementPolicy?: string
  replicas?: number
  revisionHistoryLimit?: number
  selector: MetaV1LabelSelector
  serviceName?: string
  template: CoreV1PodTemplateSpec
  updateStrategy?: AppsV1StatefulSetUpdateStrategy
  volumeClaimTemplates?: CoreV1PersistentVolumeClaim[]
}

export interface AppsV1StatefulSetStatus {
  availableReplicas?: number
  collisionCount?: number
  conditions?: AppsV1StatefulSetCondition[]
  currentReplicas?: number
  currentRevision?: string
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
  updateRevision?: string
  updatedReplicas?: number
}

export interface AppsV1StatefulSetUpdateStrategy {
  rollingUpdate?: AppsV1RollingUpdateStatefulSetStrategy
  type?: string
}

export interface AuthenticationV1BoundObjectReference {
  apiVersion?: string
  kind?: string
  name?: string
  uid?: string
}

export interface AuthenticationV1SelfSubjectReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  status?: AuthenticationV1SelfSubjectReviewStatus
}

export const AuthenticationV1SelfSubjectReview: Kind<AuthenticationV1SelfSubjectReview> = { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', isNamespaced: false }

export interface AuthenticationV1SelfSubjectReviewStatus {
  userInfo?: AuthenticationV1UserInfo
}

export interface AuthenticationV1TokenRequest {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthenticationV1TokenRequestSpec
  status?: AuthenticationV1TokenRequestStatus
}

export interface AuthenticationV1TokenRequestSpec {
  audiences: string[]
  boundObjectRef?: AuthenticationV1BoundObjectReference
  expirationSeconds?: number
}

export interface AuthenticationV1TokenRequestStatus {
  expirationTimestamp: string
  token: string
}

export interface AuthenticationV1TokenReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthenticationV1TokenReviewSpec
  status?: AuthenticationV1TokenReviewStatus
}

export const AuthenticationV1TokenReview: Kind<AuthenticationV1TokenReview> = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview', plural: 'tokenreviews', isNamespaced: false }

export interface AuthenticationV1TokenReviewSpec {
  audiences?: string[]
  token?: string
}

export interface AuthenticationV1TokenReviewStatus {
  audiences?: string[]
  authenticated?: boolean
  error?: string
  user?: AuthenticationV1UserInfo
}

export interface AuthenticationV1UserInfo {
  extra?: Record<string, string[]>
  groups?: string[]
  uid?: string
  username?: string
}

export interface AuthorizationV1FieldSelectorAttributes {
  rawSelector?: string
  requirements?: MetaV1FieldSelectorRequirement[]
}

export interface AuthorizationV1LabelSelectorAttributes {
  rawSelector?: string
  requirements?: MetaV1LabelSelectorRequirement[]
}

export interface AuthorizationV1LocalSubjectAccessReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthorizationV1SubjectAccessReviewSpec
  status?: AuthorizationV1SubjectAccessReviewStatus
}

export const AuthorizationV1LocalSubjectAccessReview: Kind<AuthorizationV1LocalSubjectAccessReview> = { group: 'authorization.k8s.io', version: 'v1', kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', isNamespaced: true }

export interface AuthorizationV1NonResourceAttributes {
  path?: string
  verb?: string
}

export interface AuthorizationV1NonResourceRule {
  nonResourceURLs?: string[]
  verbs: string[]
}

export interface AuthorizationV1ResourceAttributes {
  fieldSelector?: AuthorizationV1FieldSelectorAttributes
  group?: string
  labelSelector?: AuthorizationV1LabelSelectorAttributes
  name?: string
  namespace?: string
  resource?: string
  subresource?: string
  verb?: string
  version?: string
}

export interface AuthorizationV1ResourceRule {
  apiGroups?: string[]
  resourceNames?: string[]
  resources?: string[]
  verbs: string[]
}

export interface AuthorizationV1SelfSubjectAccessReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthorizationV1SelfSubjectAccessReviewSpec
  status?: AuthorizationV1SubjectAccessReviewStatus
}

export const AuthorizationV1SelfSubjectAccessReview: Kind<AuthorizationV1SelfSubjectAccessReview> = { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', isNamespaced: false }

export interface AuthorizationV1SelfSubjectAccessReviewSpec {
  nonResourceAttributes?: AuthorizationV1NonResourceAttributes
  resourceAttributes?: AuthorizationV1ResourceAttributes
}

export interface AuthorizationV1SelfSubjectRulesReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthorizationV1SelfSubjectRulesReviewSpec
  status?: AuthorizationV1SubjectRulesReviewStatus
}

export const AuthorizationV1SelfSubjectRulesReview: Kind<AuthorizationV1SelfSubjectRulesReview> = { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', isNamespaced: false }

export interface AuthorizationV1SelfSubjectRulesReviewSpec {
  namespace?: string
}

export interface AuthorizationV1SubjectAccessReview {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AuthorizationV1SubjectAccessReviewSpec
  status?: AuthorizationV1SubjectAccessReviewStatus
}

export const AuthorizationV1SubjectAccessReview: Kind<AuthorizationV1SubjectAccessReview> = { group: 'authorization.k8s.io', version: 'v1', kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', isNamespaced: false }

export interface AuthorizationV1SubjectAccessReviewSpec {
  extra?: Record<string, string[]>
  groups?: string[]
  nonResourceAttributes?: AuthorizationV1NonResourceAttributes
  resourceAttributes?: AuthorizationV1ResourceAttributes
  uid?: string
  user?: string
}

export interface AuthorizationV1SubjectAccessReviewStatus {
  allowed: boolean
  denied?: boolean
  evaluationError?: string
  reason?: string
}

export interface AuthorizationV1SubjectRulesReviewStatus {
  evaluationError?: string
  incomplete: boolean
  nonResourceRules: AuthorizationV1NonResourceRule[]
  resourceRules: AuthorizationV1ResourceRule[]
}

export interface AutoscalingV1CrossVersionObjectReference {
  apiVersion?: string
  kind: string
  name: string
}

export interface AutoscalingV1HorizontalPodAutoscaler {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AutoscalingV1HorizontalPodAutoscalerSpec
  status?: AutoscalingV1HorizontalPodAutoscalerStatus
}

export const AutoscalingV1HorizontalPodAutoscaler: Kind<AutoscalingV1HorizontalPodAutoscaler> = { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers', isNamespaced: true }

export interface AutoscalingV1HorizontalPodAutoscalerList {
  apiVersion?: string
  items: AutoscalingV1HorizontalPodAutoscaler[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AutoscalingV1HorizontalPodAutoscalerSpec {
  maxReplicas: number
  minReplicas?: number
  scaleTargetRef: AutoscalingV1CrossVersionObjectReference
  targetCPUUtilizationPercentage?: number
}

export interface AutoscalingV1HorizontalPodAutoscalerStatus {
  currentCPUUtilizationPercentage?: number
  currentReplicas: number
  desiredReplicas: number
  lastScaleTime?: string
  observedGeneration?: number
}

export interface AutoscalingV1Scale {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AutoscalingV1ScaleSpec
  status?: AutoscalingV1ScaleStatus
}

export interface AutoscalingV1ScaleSpec {
  replicas?: number
}

export interface AutoscalingV1ScaleStatus {
  replicas: number
  selector?: string
}

export interface AutoscalingV2ContainerResourceMetricSource {
  container: string
  name: string
  target: AutoscalingV2MetricTarget
}

export interface AutoscalingV2ContainerResourceMetricStatus {
  container: string
  current: AutoscalingV2MetricValueStatus
  name: string
}

export interface AutoscalingV2CrossVersionObjectReference {
  apiVersion?: string
  kind: string
  name: string
}

export interface AutoscalingV2ExternalMetricSource {
  metric: AutoscalingV2MetricIdentifier
  target: AutoscalingV2MetricTarget
}

export interface AutoscalingV2ExternalMetricStatus {
  current: AutoscalingV2MetricValueStatus
  metric: AutoscalingV2MetricIdentifier
}

export interface AutoscalingV2HPAScalingPolicy {
  periodSeconds: number
  type: string
  value: number
}

export interface AutoscalingV2HPAScalingRules {
  policies?: AutoscalingV2HPAScalingPolicy[]
  selectPolicy?: string
  stabilizationWindowSeconds?: number
  tolerance?: string
}

export interface AutoscalingV2HorizontalPodAutoscaler {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: AutoscalingV2HorizontalPodAutoscalerSpec
  status?: AutoscalingV2HorizontalPodAutoscalerStatus
}

export const AutoscalingV2HorizontalPodAutoscaler: Kind<AutoscalingV2HorizontalPodAutoscaler> = { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers', isNamespaced: true }

export interface AutoscalingV2HorizontalPodAutoscalerBehavior {
  scaleDown?: AutoscalingV2HPAScalingRules
  scaleUp?: AutoscalingV2HPAScalingRules
}

export interface AutoscalingV2HorizontalPodAutoscalerCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface AutoscalingV2HorizontalPodAutoscalerList {
  apiVersion?: string
  items: AutoscalingV2HorizontalPodAutoscaler[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface AutoscalingV2HorizontalPodAutoscalerSpec {
  behavior?: AutoscalingV2HorizontalPodAutoscalerBehavior
  maxReplicas: number
  metrics?: AutoscalingV2MetricSpec[]
  minReplicas?: number
  scaleTargetRef: AutoscalingV2CrossVersionObjectReference
}

export interface AutoscalingV2HorizontalPodAutoscalerStatus {
  conditions?: AutoscalingV2HorizontalPodAutoscalerCondition[]
  currentMetrics?: AutoscalingV2MetricStatus[]
  currentReplicas?: number
  desiredReplicas: number
  lastScaleTime?: string
  observedGeneration?: number
}

export interface AutoscalingV2MetricIdentifier {
  name: string
  selector?: MetaV1LabelSelector
}

export interface AutoscalingV2MetricSpec {
  containerResource?: AutoscalingV2ContainerResourceMetricSource
  external?: AutoscalingV2ExternalMetricSource
  object?: AutoscalingV2ObjectMetricSource
  pods?: AutoscalingV2PodsMetricSource
  resource?: AutoscalingV2ResourceMetricSource
  type: string
}

export interface AutoscalingV2MetricStatus {
  containerResource?: AutoscalingV2ContainerResourceMetricStatus
  external?: AutoscalingV2ExternalMetricStatus
  object?: AutoscalingV2ObjectMetricStatus
  pods?: AutoscalingV2PodsMetricStatus
  resource?: AutoscalingV2ResourceMetricStatus
  type: string
}

export interface AutoscalingV2MetricTarget {
  averageUtilization?: number
  averageValue?: string
  type: string
  value?: string
}

export interface AutoscalingV2MetricValueStatus {
  averageUtilization?: number
  averageValue?: string
  value?: string
}

export interface AutoscalingV2ObjectMetricSource {
  describedObject: AutoscalingV2CrossVersionObjectReference
  metric: AutoscalingV2MetricIdentifier
  target: AutoscalingV2MetricTarget
}

export interface AutoscalingV2ObjectMetricStatus {
  current: AutoscalingV2MetricValueStatus
  describedObject: AutoscalingV2CrossVersionObjectReference
  metric: AutoscalingV2MetricIdentifier
}

export interface AutoscalingV2PodsMetricSource {
  metric: AutoscalingV2MetricIdentifier
  target: AutoscalingV2MetricTarget
}

export interface AutoscalingV2PodsMetricStatus {
  current: AutoscalingV2MetricValueStatus
  metric: AutoscalingV2MetricIdentifier
}

export interface AutoscalingV2ResourceMetricSource {
  name: string
  target: AutoscalingV2MetricTarget
}

export interface AutoscalingV2ResourceMetricStatus {
  current: AutoscalingV2MetricValueStatus
  name: string
}

export interface BatchV1CronJob {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: BatchV1CronJobSpec
  status?: BatchV1CronJobStatus
}

export const BatchV1CronJob: Kind<BatchV1CronJob> = { group: 'batch', version: 'v1', kind: 'CronJob', plural: 'cronjobs', isNamespaced: true }

export interface BatchV1CronJobList {
  apiVersion?: string
  items: BatchV1CronJob[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface BatchV1CronJobSpec {
  concurrencyPolicy?: string
  failedJobsHistoryLimit?: number
  jobTemplate: BatchV1JobTemplateSpec
  schedule: string
  startingDeadlineSeconds?: number
  successfulJobsHistoryLimit?: number
  suspend?: boolean
  timeZone?: string
}

export interface BatchV1CronJobStatus {
  active?: CoreV1ObjectReference[]
  lastScheduleTime?: string
  lastSuccessfulTime?: string
}

export interface BatchV1Job {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: BatchV1JobSpec
  status?: BatchV1JobStatus
}

export const BatchV1Job: Kind<BatchV1Job> = { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', isNamespaced: true }

export interface BatchV1JobCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface BatchV1JobList {
  apiVersion?: string
  items: BatchV1Job[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface BatchV1JobSpec {
  activeDeadlineSeconds?: number
  backoffLimit?: number
  backoffLimitPerIndex?: number
  completionMode?: string
  completions?: number
  managedBy?: string
  manualSelector?: boolean
  maxFailedIndexes?: number
  parallelism?: number
  podFailurePolicy?: BatchV1PodFailurePolicy
  podReplacementPolicy?: string
  selector?: MetaV1LabelSelector
  successPolicy?: BatchV1SuccessPolicy
  suspend?: boolean
  template: CoreV1PodTemplateSpec
  ttlSecondsAfterFinished?: number
}

export interface BatchV1JobStatus {
  active?: number
  completedIndexes?: string
  completionTime?: string
  conditions?: BatchV1JobCondition[]
  failed?: number
  failedIndexes?: string
  ready?: number
  startTime?: string
  succeeded?: number
  terminating?: number
  uncountedTerminatedPods?: BatchV1UncountedTerminatedPods
}

export interface BatchV1JobTemplateSpec {
  metadata?: MetaV1ObjectMeta
  spec?: BatchV1JobSpec
}

export interface BatchV1PodFailurePolicy {
  rules: BatchV1PodFailurePolicyRule[]
}

export interface BatchV1PodFailurePolicyOnExitCodesRequirement {
  containerName?: string
  operator: string
  values: number[]
}

export interface BatchV1PodFailurePolicyOnPodConditionsPattern {
  status?: string
  type: string
}

export interface BatchV1PodFailurePolicyRule {
  action: string
  onExitCodes?: BatchV1PodFailurePolicyOnExitCodesRequirement
  onPodConditions?: BatchV1PodFailurePolicyOnPodConditionsPattern[]
}

export interface BatchV1SuccessPolicy {
  rules: BatchV1SuccessPolicyRule[]
}

export interface BatchV1SuccessPolicyRule {
  succeededCount?: number
  succeededIndexes?: string
}

export interface BatchV1UncountedTerminatedPods {
  failed?: string[]
  succeeded?: string[]
}

export interface CertificatesV1CertificateSigningRequest {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CertificatesV1CertificateSigningRequestSpec
  status?: CertificatesV1CertificateSigningRequestStatus
}

export const CertificatesV1CertificateSigningRequest: Kind<CertificatesV1CertificateSigningRequest> = { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest', plural: 'certificatesigningrequests', isNamespaced: false }

export interface CertificatesV1CertificateSigningRequestCondition {
  lastTransitionTime?: string
  lastUpdateTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CertificatesV1CertificateSigningRequestList {
  apiVersion?: string
  items: CertificatesV1CertificateSigningRequest[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CertificatesV1CertificateSigningRequestSpec {
  expirationSeconds?: number
  extra?: Record<string, string[]>
  groups?: string[]
  request: string
  signerName: string
  uid?: string
  usages?: string[]
  username?: string
}

export interface CertificatesV1CertificateSigningRequestStatus {
  certificate?: string
  conditions?: CertificatesV1CertificateSigningRequestCondition[]
}

export interface CertificatesV1alpha1ClusterTrustBundle {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CertificatesV1alpha1ClusterTrustBundleSpec
}

export const CertificatesV1alpha1ClusterTrustBundle: Kind<CertificatesV1alpha1ClusterTrustBundle> = { group: 'certificates.k8s.io', version: 'v1alpha1', kind: 'ClusterTrustBundle', plural: 'clustertrustbundles', isNamespaced: false }

export interface CertificatesV1alpha1ClusterTrustBundleList {
  apiVersion?: string
  items: CertificatesV1alpha1ClusterTrustBundle[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CertificatesV1alpha1ClusterTrustBundleSpec {
  signerName?: string
  trustBundle: string
}

export interface CertificatesV1beta1ClusterTrustBundle {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CertificatesV1beta1ClusterTrustBundleSpec
}

export const CertificatesV1beta1ClusterTrustBundle: Kind<CertificatesV1beta1ClusterTrustBundle> = { group: 'certificates.k8s.io', version: 'v1beta1', kind: 'ClusterTrustBundle', plural: 'clustertrustbundles', isNamespaced: false }

export interface CertificatesV1beta1ClusterTrustBundleList {
  apiVersion?: string
  items: CertificatesV1beta1ClusterTrustBundle[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CertificatesV1beta1ClusterTrustBundleSpec {
  signerName?: string
  trustBundle: string
}

export interface CertificatesV1beta1PodCertificateRequest {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CertificatesV1beta1PodCertificateRequestSpec
  status?: CertificatesV1beta1PodCertificateRequestStatus
}

export const CertificatesV1beta1PodCertificateRequest: Kind<CertificatesV1beta1PodCertificateRequest> = { group: 'certificates.k8s.io', version: 'v1beta1', kind: 'PodCertificateRequest', plural: 'podcertificaterequests', isNamespaced: true }

export interface CertificatesV1beta1PodCertificateRequestList {
  apiVersion?: string
  items: CertificatesV1beta1PodCertificateRequest[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CertificatesV1beta1PodCertificateRequestSpec {
  maxExpirationSeconds?: number
  nodeName: string
  nodeUID: string
  pkixPublicKey: string
  podName: string
  podUID: string
  proofOfPossession: string
  serviceAccountName: string
  serviceAccountUID: string
  signerName: string
  unverifiedUserAnnotations?: Record<string, string>
}

export interface CertificatesV1beta1PodCertificateRequestStatus {
  beginRefreshAt?: string
  certificateChain?: string
  conditions?: MetaV1Condition[]
  notAfter?: string
  notBefore?: string
}

export interface CoordinationV1Lease {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoordinationV1LeaseSpec
}

export const CoordinationV1Lease: Kind<CoordinationV1Lease> = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', isNamespaced: true }

export interface CoordinationV1LeaseList {
  apiVersion?: string
  items: CoordinationV1Lease[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoordinationV1LeaseSpec {
  acquireTime?: string
  holderIdentity?: string
  leaseDurationSeconds?: number
  leaseTransitions?: number
  preferredHolder?: string
  renewTime?: string
  strategy?: string
}

export interface CoordinationV1alpha2LeaseCandidate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoordinationV1alpha2LeaseCandidateSpec
}

export const CoordinationV1alpha2LeaseCandidate: Kind<CoordinationV1alpha2LeaseCandidate> = { group: 'coordination.k8s.io', version: 'v1alpha2', kind: 'LeaseCandidate', plural: 'leasecandidates', isNamespaced: true }

export interface CoordinationV1alpha2LeaseCandidateList {
  apiVersion?: string
  items: CoordinationV1alpha2LeaseCandidate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoordinationV1alpha2LeaseCandidateSpec {
  binaryVersion: string
  emulationVersion?: string
  leaseName: string
  pingTime?: string
  renewTime?: string
  strategy: string
}

export interface CoordinationV1beta1LeaseCandidate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoordinationV1beta1LeaseCandidateSpec
}

export const CoordinationV1beta1LeaseCandidate: Kind<CoordinationV1beta1LeaseCandidate> = { group: 'coordination.k8s.io', version: 'v1beta1', kind: 'LeaseCandidate', plural: 'leasecandidates', isNamespaced: true }

export interface CoordinationV1beta1LeaseCandidateList {
  apiVersion?: string
  items: CoordinationV1beta1LeaseCandidate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoordinationV1beta1LeaseCandidateSpec {
  binaryVersion: string
  emulationVersion?: string
  leaseName: string
  pingTime?: string
  renewTime?: string
  strategy: string
}

export interface CoreV1AWSElasticBlockStoreVolumeSource {
  fsType?: string
  partition?: number
  readOnly?: boolean
  volumeID: string
}

export interface CoreV1Affinity {
  nodeAffinity?: CoreV1NodeAffinity
  podAffinity?: CoreV1PodAffinity
  podAntiAffinity?: CoreV1PodAntiAffinity
}

export interface CoreV1AppArmorProfile {
  localhostProfile?: string
  type: string
}

export interface CoreV1AttachedVolume {
  devicePath: string
  name: string
}

export interface CoreV1AzureDiskVolumeSource {
  cachingMode?: string
  diskName: string
  diskURI: string
  fsType?: string
  kind?: string
  readOnly?: boolean
}

export interface CoreV1AzureFilePersistentVolumeSource {
  readOnly?: boolean
  secretName: string
  secretNamespace?: string
  shareName: string
}

export interface CoreV1AzureFileVolumeSource {
  readOnly?: boolean
  secretName: string
  shareName: string
}

export interface CoreV1Binding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  target: CoreV1ObjectReference
}

export const CoreV1Binding: Kind<CoreV1Binding> = { group: '', version: 'v1', kind: 'Binding', plural: 'bindings', isNamespaced: true }

export interface CoreV1CSIPersistentVolumeSource {
  controllerExpandSecretRef?: CoreV1SecretReference
  controllerPublishSecretRef?: CoreV1SecretReference
  driver: string
  fsType?: string
  nodeExpandSecretRef?: CoreV1SecretReference
  nodePublishSecretRef?: CoreV1SecretReference
  nodeStageSecretRef?: CoreV1SecretReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
  volumeHandle: string
}

export interface CoreV1CSIVolumeSource {
  driver: string
  fsType?: string
  nodePublishSecretRef?: CoreV1LocalObjectReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
}

export interface CoreV1Capabilities {
  add?: string[]
  drop?: string[]
}

export interface CoreV1CephFSPersistentVolumeSource {
  monitors: string[]
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: CoreV1SecretReference
  user?: string
}

export interface CoreV1CephFSVolumeSource {
  monitors: string[]
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: CoreV1LocalObjectReference
  user?: string
}

export interface CoreV1CinderPersistentVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: CoreV1SecretReference
  volumeID: string
}

export interface CoreV1CinderVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: CoreV1LocalObjectReference
  volumeID: string
}

export interface CoreV1ClientIPConfig {
  timeoutSeconds?: number
}

export interface CoreV1ClusterTrustBundleProjection {
  labelSelector?: MetaV1LabelSelector
  name?: string
  optional?: boolean
  path: string
  signerName?: string
}

export interface CoreV1ComponentCondition {
  error?: string
  message?: string
  status: string
  type: string
}

export interface CoreV1ComponentStatus {
  apiVersion: string
  conditions?: CoreV1ComponentCondition[]
  kind: string
  metadata: MetaV1ObjectMeta
}

export const CoreV1ComponentStatus: Kind<CoreV1ComponentStatus> = { group: '', version: 'v1', kind: 'ComponentStatus', plural: 'componentstatuses', isNamespaced: false }

export interface CoreV1ComponentStatusList {
  apiVersion?: string
  items: CoreV1ComponentStatus[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ConfigMap {
  apiVersion: string
  binaryData?: Record<string, string>
  data?: Record<string, string>
  immutable?: boolean
  kind: string
  metadata: MetaV1ObjectMeta
}

export const CoreV1ConfigMap: Kind<CoreV1ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', isNamespaced: true }

export interface CoreV1ConfigMapEnvSource {
  name?: string
  optional?: boolean
}

export interface CoreV1ConfigMapKeySelector {
  key: string
  name?: string
  optional?: boolean
}

export interface CoreV1ConfigMapList {
  apiVersion?: string
  items: CoreV1ConfigMap[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ConfigMapNodeConfigSource {
  kubeletConfigKey: string
  name: string
  namespace: string
  resourceVersion?: string
  uid?: string
}

export interface CoreV1ConfigMapProjection {
  items?: CoreV1KeyToPath[]
  name?: string
  optional?: boolean
}

export interface CoreV1ConfigMapVolumeSource {
  defaultMode?: number
  items?: CoreV1KeyToPath[]
  name?: string
  optional?: boolean
}

export interface CoreV1Container {
  args?: string[]
  command?: string[]
  env?: CoreV1EnvVar[]
  envFrom?: CoreV1EnvFromSource[]
  image?: string
  imagePullPolicy?: string
  lifecycle?: CoreV1Lifecycle
  livenessProbe?: CoreV1Probe
  name: string
  ports?: CoreV1ContainerPort[]
  readinessProbe?: CoreV1Probe
  resizePolicy?: CoreV1ContainerResizePolicy[]
  resources?: CoreV1ResourceRequirements
  restartPolicy?: string
  restartPolicyRules?: CoreV1ContainerRestartRule[]
  securityContext?: CoreV1SecurityContext
  startupProbe?: CoreV1Probe
  stdin?: boolean
  stdinOnce?: boolean
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: CoreV1VolumeDevice[]
  volumeMounts?: CoreV1VolumeMount[]
  workingDir?: string
}

export interface CoreV1ContainerExtendedResourceRequest {
  containerName: string
  requestName: string
  resourceName: string
}

export interface CoreV1ContainerImage {
  names?: string[]
  sizeBytes?: number
}

export interface CoreV1ContainerPort {
  containerPort: number
  hostIP?: string
  hostPort?: number
  name?: string
  protocol?: string
}

export interface CoreV1ContainerResizePolicy {
  resourceName: string
  restartPolicy: string
}

export interface CoreV1ContainerRestartRule {
  action: string
  exitCodes?: CoreV1ContainerRestartRuleOnExitCodes
}

export interface CoreV1ContainerRestartRuleOnExitCodes {
  operator: string
  values?: number[]
}

export interface CoreV1ContainerState {
  running?: CoreV1ContainerStateRunning
  terminated?: CoreV1ContainerStateTerminated
  waiting?: CoreV1ContainerStateWaiting
}

export interface CoreV1ContainerStateRunning {
  startedAt?: string
}

export interface CoreV1ContainerStateTerminated {
  containerID?: string
  exitCode: number
  finishedAt?: string
  message?: string
  reason?: string
  signal?: number
  startedAt?: string
}

export interface CoreV1ContainerStateWaiting {
  message?: string
  reason?: string
}

export interface CoreV1ContainerStatus {
  allocatedResources?: Record<string, string>
  allocatedResourcesStatus?: CoreV1ResourceStatus[]
  containerID?: string
  image: string
  imageID: string
  lastState?: CoreV1ContainerState
  name: string
  ready: boolean
  resources?: CoreV1ResourceRequirements
  restartCount: number
  started?: boolean
  state?: CoreV1ContainerState
  stopSignal?: string
  user?: CoreV1ContainerUser
  volumeMounts?: CoreV1VolumeMountStatus[]
}

export interface CoreV1ContainerUser {
  linux?: CoreV1LinuxContainerUser
}

export interface CoreV1DaemonEndpoint {
  Port: number
}

export interface CoreV1DownwardAPIProjection {
  items?: CoreV1DownwardAPIVolumeFile[]
}

export interface CoreV1DownwardAPIVolumeFile {
  fieldRef?: CoreV1ObjectFieldSelector
  mode?: number
  path: string
  resourceFieldRef?: CoreV1ResourceFieldSelector
}

export interface CoreV1DownwardAPIVolumeSource {
  defaultMode?: number
  items?: CoreV1DownwardAPIVolumeFile[]
}

export interface CoreV1EmptyDirVolumeSource {
  medium?: string
  sizeLimit?: string
}

export interface CoreV1EndpointAddress {
  hostname?: string
  ip: string
  nodeName?: string
  targetRef?: CoreV1ObjectReference
}

export interface CoreV1EndpointPort {
  appProtocol?: string
  name?: string
  port: number
  protocol?: string
}

export interface CoreV1EndpointSubset {
  addresses?: CoreV1EndpointAddress[]
  notReadyAddresses?: CoreV1EndpointAddress[]
  ports?: CoreV1EndpointPort[]
}

export interface CoreV1Endpoints {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  subsets?: CoreV1EndpointSubset[]
}

export const CoreV1Endpoints: Kind<CoreV1Endpoints> = { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', isNamespaced: true }

export interface CoreV1EndpointsList {
  apiVersion?: string
  items: CoreV1Endpoints[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1EnvFromSource {
  configMapRef?: CoreV1ConfigMapEnvSource
  prefix?: string
  secretRef?: CoreV1SecretEnvSource
}

export interface CoreV1EnvVar {
  name: string
  value?: string
  valueFrom?: CoreV1EnvVarSource
}

export interface CoreV1EnvVarSource {
  configMapKeyRef?: CoreV1ConfigMapKeySelector
  fieldRef?: CoreV1ObjectFieldSelector
  fileKeyRef?: CoreV1FileKeySelector
  resourceFieldRef?: CoreV1ResourceFieldSelector
  secretKeyRef?: CoreV1SecretKeySelector
}

export interface CoreV1EphemeralContainer {
  args?: string[]
  command?: string[]
  env?: CoreV1EnvVar[]
  envFrom?: CoreV1EnvFromSource[]
  image?: string
  imagePullPolicy?: string
  lifecycle?: CoreV1Lifecycle
  livenessProbe?: CoreV1Probe
  name: string
  ports?: CoreV1ContainerPort[]
  readinessProbe?: CoreV1Probe
  resizePolicy?: CoreV1ContainerResizePolicy[]
  resources?: CoreV1ResourceRequirements
  restartPolicy?: string
  restartPolicyRules?: CoreV1ContainerRestartRule[]
  securityContext?: CoreV1SecurityContext
  startupProbe?: CoreV1Probe
  stdin?: boolean
  stdinOnce?: boolean
  targetContainerName?: string
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: CoreV1VolumeDevice[]
  volumeMounts?: CoreV1VolumeMount[]
  workingDir?: string
}

export interface CoreV1EphemeralVolumeSource {
  volumeClaimTemplate?: CoreV1PersistentVolumeClaimTemplate
}

export interface CoreV1Event {
  action?: string
  apiVersion: string
  count?: number
  eventTime?: string
  firstTimestamp?: string
  involvedObject: CoreV1ObjectReference
  kind: string
  lastTimestamp?: string
  message?: string
  metadata: MetaV1ObjectMeta
  reason?: string
  related?: CoreV1ObjectReference
  reportingComponent?: string
  reportingInstance?: string
  series?: CoreV1EventSeries
  source?: CoreV1EventSource
  type?: string
}

export const CoreV1Event: Kind<CoreV1Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', isNamespaced: true }

export interface CoreV1EventList {
  apiVersion?: string
  items: CoreV1Event[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1EventSeries {
  count?: number
  lastObservedTime?: string
}

export interface CoreV1EventSource {
  component?: string
  host?: string
}

export interface CoreV1ExecAction {
  command?: string[]
}

export interface CoreV1FCVolumeSource {
  fsType?: string
  lun?: number
  readOnly?: boolean
  targetWWNs?: string[]
  wwids?: string[]
}

export interface CoreV1FileKeySelector {
  key: string
  optional?: boolean
  path: string
  volumeName: string
}

export interface CoreV1FlexPersistentVolumeSource {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: CoreV1SecretReference
}

export interface CoreV1FlexVolumeSource {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: CoreV1LocalObjectReference
}

export interface CoreV1FlockerVolumeSource {
  datasetName?: string
  datasetUUID?: string
}

export interface CoreV1GCEPersistentDiskVolumeSource {
  fsType?: string
  partition?: number
  pdName: string
  readOnly?: boolean
}

export interface CoreV1GRPCAction {
  port: number
  service?: string
}

export interface CoreV1GitRepoVolumeSource {
  directory?: string
  repository: string
  revision?: string
}

export interface CoreV1GlusterfsPersistentVolumeSource {
  endpoints: string
  endpointsNamespace?: string
  path: string
  readOnly?: boolean
}

export interface CoreV1GlusterfsVolumeSource {
  endpoints: string
  path: string
  readOnly?: boolean
}

export interface CoreV1HTTPGetAction {
  host?: string
  httpHeaders?: CoreV1HTTPHeader[]
  path?: string
  port: string | number
  scheme?: string
}

export interface CoreV1HTTPHeader {
  name: string
  value: string
}

export interface CoreV1HostAlias {
  hostnames?: string[]
  ip: string
}

export interface CoreV1HostIP {
  ip: string
}

export interface CoreV1HostPathVolumeSource {
  path: string
  type?: string
}

export interface CoreV1ISCSIPersistentVolumeSource {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: string[]
  readOnly?: boolean
  secretRef?: CoreV1SecretReference
  targetPortal: string
}

export interface CoreV1ISCSIVolumeSource {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: string[]
  readOnly?: boolean
  secretRef?: CoreV1LocalObjectReference
  targetPortal: string
}

export interface CoreV1ImageVolumeSource {
  pullPolicy?: string
  reference?: string
}

export interface CoreV1KeyToPath {
  key: string
  mode?: number
  path: string
}

export interface CoreV1Lifecycle {
  postStart?: CoreV1LifecycleHandler
  preStop?: CoreV1LifecycleHandler
  stopSignal?: string
}

export interface CoreV1LifecycleHandler {
  exec?: CoreV1ExecAction
  httpGet?: CoreV1HTTPGetAction
  sleep?: CoreV1SleepAction
  tcpSocket?: CoreV1TCPSocketAction
}

export interface CoreV1LimitRange {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1LimitRangeSpec
}

export const CoreV1LimitRange: Kind<CoreV1LimitRange> = { group: '', version: 'v1', kind: 'LimitRange', plural: 'limitranges', isNamespaced: true }

export interface CoreV1LimitRangeItem {
  default?: Record<string, string>
  defaultRequest?: Record<string, string>
  max?: Record<string, string>
  maxLimitRequestRatio?: Record<string, string>
  min?: Record<string, string>
  type: string
}

export interface CoreV1LimitRangeList {
  apiVersion?: string
  items: CoreV1LimitRange[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1LimitRangeSpec {
  limits: CoreV1LimitRangeItem[]
}

export interface CoreV1LinuxContainerUser {
  gid: number
  supplementalGroups?: number[]
  uid: number
}

export interface CoreV1LoadBalancerIngress {
  hostname?: string
  ip?: string
  ipMode?: string
  ports?: CoreV1PortStatus[]
}

export interface CoreV1LoadBalancerStatus {
  ingress?: CoreV1LoadBalancerIngress[]
}

export interface CoreV1LocalObjectReference {
  name?: string
}

export interface CoreV1LocalVolumeSource {
  fsType?: string
  path: string
}

export interface CoreV1ModifyVolumeStatus {
  status: string
  targetVolumeAttributesClassName?: string
}

export interface CoreV1NFSVolumeSource {
  path: string
  readOnly?: boolean
  server: string
}

export interface CoreV1Namespace {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1NamespaceSpec
  status?: CoreV1NamespaceStatus
}

export const CoreV1Namespace: Kind<CoreV1Namespace> = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', isNamespaced: false }

export interface CoreV1NamespaceCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CoreV1NamespaceList {
  apiVersion?: string
  items: CoreV1Namespace[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1NamespaceSpec {
  finalizers?: string[]
}

export interface CoreV1NamespaceStatus {
  conditions?: CoreV1NamespaceCondition[]
  phase?: string
}

export interface CoreV1Node {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1NodeSpec
  status?: CoreV1NodeStatus
}

export const CoreV1Node: Kind<CoreV1Node> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', isNamespaced: false }

export interface CoreV1NodeAddress {
  address: string
  type: string
}

export interface CoreV1NodeAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: CoreV1PreferredSchedulingTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: CoreV1NodeSelector
}

export interface CoreV1NodeCondition {
  lastHeartbeatTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CoreV1NodeConfigSource {
  configMap?: CoreV1ConfigMapNodeConfigSource
}

export interface CoreV1NodeConfigStatus {
  active?: CoreV1NodeConfigSource
  assigned?: CoreV1NodeConfigSource
  error?: string
  lastKnownGood?: CoreV1NodeConfigSource
}

export interface CoreV1NodeDaemonEndpoints {
  kubeletEndpoint?: CoreV1DaemonEndpoint
}

export interface CoreV1NodeFeatures {
  supplementalGroupsPolicy?: boolean
}

export interface CoreV1NodeList {
  apiVersion?: string
  items: CoreV1Node[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1NodeRuntimeHandler {
  features?: CoreV1NodeRuntimeHandlerFeatures
  name?: string
}

export interface CoreV1NodeRuntimeHandlerFeatures {
  recursiveReadOnlyMounts?: boolean
  userNamespaces?: boolean
}

export interface CoreV1NodeSelector {
  nodeSelectorTerms: CoreV1NodeSelectorTerm[]
}

export interface CoreV1NodeSelectorRequirement {
  key: string
  operator: string
  values?: string[]
}

export interface CoreV1NodeSelectorTerm {
  matchExpressions?: CoreV1NodeSelectorRequirement[]
  matchFields?: CoreV1NodeSelectorRequirement[]
}

export interface CoreV1NodeSpec {
  configSource?: CoreV1NodeConfigSource
  externalID?: string
  podCIDR?: string
  podCIDRs?: string[]
  providerID?: string
  taints?: CoreV1Taint[]
  unschedulable?: boolean
}

export interface CoreV1NodeStatus {
  addresses?: CoreV1NodeAddress[]
  allocatable?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: CoreV1NodeCondition[]
  config?: CoreV1NodeConfigStatus
  daemonEndpoints?: CoreV1NodeDaemonEndpoints
  declaredFeatures?: string[]
  features?: CoreV1NodeFeatures
  images?: CoreV1ContainerImage[]
  nodeInfo?: CoreV1NodeSystemInfo
  phase?: string
  runtimeHandlers?: CoreV1NodeRuntimeHandler[]
  volumesAttached?: CoreV1AttachedVolume[]
  volumesInUse?: string[]
}

export interface CoreV1NodeSwapStatus {
  capacity?: number
}

export interface CoreV1NodeSystemInfo {
  architecture: string
  bootID: string
  containerRuntimeVersion: string
  kernelVersion: string
  kubeProxyVersion: string
  kubeletVersion: string
  machineID: string
  operatingSystem: string
  osImage: string
  swap?: CoreV1NodeSwapStatus
  systemUUID: string
}

export interface CoreV1ObjectFieldSelector {
  apiVersion?: string
  fieldPath: string
}

export interface CoreV1ObjectReference {
  apiVersion?: string
  fieldPath?: string
  kind?: string
  name?: string
  namespace?: string
  resourceVersion?: string
  uid?: string
}

export interface CoreV1PersistentVolume {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1PersistentVolumeSpec
  status?: CoreV1PersistentVolumeStatus
}

export const CoreV1PersistentVolume: Kind<CoreV1PersistentVolume> = { group: '', version: 'v1', kind: 'PersistentVolume', plural: 'persistentvolumes', isNamespaced: false }

export interface CoreV1PersistentVolumeClaim {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1PersistentVolumeClaimSpec
  status?: CoreV1PersistentVolumeClaimStatus
}

export const CoreV1PersistentVolumeClaim: Kind<CoreV1PersistentVolumeClaim> = { group: '', version: 'v1', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims', isNamespaced: true }

export interface CoreV1PersistentVolumeClaimCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CoreV1PersistentVolumeClaimList {
  apiVersion?: string
  items: CoreV1PersistentVolumeClaim[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1PersistentVolumeClaimSpec {
  accessModes?: string[]
  dataSource?: CoreV1TypedLocalObjectReference
  dataSourceRef?: CoreV1TypedObjectReference
  resources?: CoreV1VolumeResourceRequirements
  selector?: MetaV1LabelSelector
  storageClassName?: string
  volumeAttributesClassName?: string
  volumeMode?: string
  volumeName?: string
}

export interface CoreV1PersistentVolumeClaimStatus {
  accessModes?: string[]
  allocatedResourceStatuses?: Record<string, string>
  allocatedResources?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: CoreV1PersistentVolumeClaimCondition[]
  currentVolumeAttributesClassName?: string
  modifyVolumeStatus?: CoreV1ModifyVolumeStatus
  phase?: string
}

export interface CoreV1PersistentVolumeClaimTemplate {
  metadata?: MetaV1ObjectMeta
  spec: CoreV1PersistentVolumeClaimSpec
}

export interface CoreV1PersistentVolumeClaimVolumeSource {
  claimName: string
  readOnly?: boolean
}

export interface CoreV1PersistentVolumeList {
  apiVersion?: string
  items: CoreV1PersistentVolume[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1PersistentVolumeSpec {
  accessModes?: string[]
  awsElasticBlockStore?: CoreV1AWSElasticBlockStoreVolumeSource
  azureDisk?: CoreV1AzureDiskVolumeSource
  azureFile?: CoreV1AzureFilePersistentVolumeSource
  capacity?: Record<string, string>
  cephfs?: CoreV1CephFSPersistentVolumeSource
  cinder?: CoreV1CinderPersistentVolumeSource
  claimRef?: CoreV1ObjectReference
  csi?: CoreV1CSIPersistentVolumeSource
  fc?: CoreV1FCVolumeSource
  flexVolume?: CoreV1FlexPersistentVolumeSource
  flocker?: CoreV1FlockerVolumeSource
  gcePersistentDisk?: CoreV1GCEPersistentDiskVolumeSource
  glusterfs?: CoreV1GlusterfsPersistentVolumeSource
  hostPath?: CoreV1HostPathVolumeSource
  iscsi?: CoreV1ISCSIPersistentVolumeSource
  local?: CoreV1LocalVolumeSource
  mountOptions?: string[]
  nfs?: CoreV1NFSVolumeSource
  nodeAffinity?: CoreV1VolumeNodeAffinity
  persistentVolumeReclaimPolicy?: string
  photonPersistentDisk?: CoreV1PhotonPersistentDiskVolumeSource
  portworxVolume?: CoreV1PortworxVolumeSource
  quobyte?: CoreV1QuobyteVolumeSource
  rbd?: CoreV1RBDPersistentVolumeSource
  scaleIO?: CoreV1ScaleIOPersistentVolumeSource
  storageClassName?: string
  storageos?: CoreV1StorageOSPersistentVolumeSource
  volumeAttributesClassName?: string
  volumeMode?: string
  vsphereVolume?: CoreV1VsphereVirtualDiskVolumeSource
}

export interface CoreV1PersistentVolumeStatus {
  lastPhaseTransitionTime?: string
  message?: string
  phase?: string
  reason?: string
}

export interface CoreV1PhotonPersistentDiskVolumeSource {
  fsType?: string
  pdID: string
}

export interface CoreV1Pod {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1PodSpec
  status?: CoreV1PodStatus
}

export const CoreV1Pod: Kind<CoreV1Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', isNamespaced: true }

export interface CoreV1PodAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: CoreV1WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: CoreV1PodAffinityTerm[]
}

export interface CoreV1PodAffinityTerm {
  labelSelector?: MetaV1LabelSelector
  matchLabelKeys?: string[]
  mismatchLabelKeys?: string[]
  namespaceSelector?: MetaV1LabelSelector
  namespaces?: string[]
  topologyKey: string
}

export interface CoreV1PodAntiAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: CoreV1WeightedPodAffinityTerm[]
  requiredDuringSchedulingIgnoredDuringExecution?: CoreV1PodAffinityTerm[]
}

export interface CoreV1PodCertificateProjection {
  certificateChainPath?: string
  credentialBundlePath?: string
  keyPath?: string
  keyType: string
  maxExpirationSeconds?: number
  signerName: string
  userAnnotations?: Record<string, string>
}

export interface CoreV1PodCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  observedGeneration?: number
  reason?: string
  status: string
  type: string
}

export interface CoreV1PodDNSConfig {
  nameservers?: string[]
  options?: CoreV1PodDNSConfigOption[]
  searches?: string[]
}

export interface CoreV1PodDNSConfigOption {
  name?: string
  value?: string
}

export interface CoreV1PodExtendedResourceClaimStatus {
  requestMappings: CoreV1ContainerExtendedResourceRequest[]
  resourceClaimName: string
}

export interface CoreV1PodIP {
  ip: string
}

export interface CoreV1PodList {
  apiVersion?: string
  items: CoreV1Pod[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1PodOS {
  name: string
}

export interface CoreV1PodReadinessGate {
  conditionType: string
}

export interface CoreV1PodResourceClaim {
  name: string
  resourceClaimName?: string
  resourceClaimTemplateName?: string
}

export interface CoreV1PodResourceClaimStatus {
  name: string
  resourceClaimName?: string
}

export interface CoreV1PodSchedulingGate {
  name: string
}

export interface CoreV1PodSecurityContext {
  appArmorProfile?: CoreV1AppArmorProfile
  fsGroup?: number
  fsGroupChangePolicy?: string
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxChangePolicy?: string
  seLinuxOptions?: CoreV1SELinuxOptions
  seccompProfile?: CoreV1SeccompProfile
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: string
  sysctls?: CoreV1Sysctl[]
  windowsOptions?: CoreV1WindowsSecurityContextOptions
}

export interface CoreV1PodSpec {
  activeDeadlineSeconds?: number
  affinity?: CoreV1Affinity
  automountServiceAccountToken?: boolean
  containers: CoreV1Container[]
  dnsConfig?: CoreV1PodDNSConfig
  dnsPolicy?: string
  enableServiceLinks?: boolean
  ephemeralContainers?: CoreV1EphemeralContainer[]
  hostAliases?: CoreV1HostAlias[]
  hostIPC?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  hostUsers?: boolean
  hostname?: string
  hostnameOverride?: string
  imagePullSecrets?: CoreV1LocalObjectReference[]
  initContainers?: CoreV1Container[]
  nodeName?: string
  nodeSelector?: Record<string, string>
  os?: CoreV1PodOS
  overhead?: Record<string, string>
  preemptionPolicy?: string
  priority?: number
  priorityClassName?: string
  readinessGates?: CoreV1PodReadinessGate[]
  resourceClaims?: CoreV1PodResourceClaim[]
  resources?: CoreV1ResourceRequirements
  restartPolicy?: string
  runtimeClassName?: string
  schedulerName?: string
  schedulingGates?: CoreV1PodSchedulingGate[]
  securityContext?: CoreV1PodSecurityContext
  serviceAccount?: string
  serviceAccountName?: string
  setHostnameAsFQDN?: boolean
  shareProcessNamespace?: boolean
  subdomain?: string
  terminationGracePeriodSeconds?: number
  tolerations?: CoreV1Toleration[]
  topologySpreadConstraints?: CoreV1TopologySpreadConstraint[]
  volumes?: CoreV1Volume[]
  workloadRef?: CoreV1WorkloadReference
}

export interface CoreV1PodStatus {
  allocatedResources?: Record<string, string>
  conditions?: CoreV1PodCondition[]
  containerStatuses?: CoreV1ContainerStatus[]
  ephemeralContainerStatuses?: CoreV1ContainerStatus[]
  extendedResourceClaimStatus?: CoreV1PodExtendedResourceClaimStatus
  hostIP?: string
  hostIPs?: CoreV1HostIP[]
  initContainerStatuses?: CoreV1ContainerStatus[]
  message?: string
  nominatedNodeName?: string
  observedGeneration?: number
  phase?: string
  podIP?: string
  podIPs?: CoreV1PodIP[]
  qosClass?: string
  reason?: string
  resize?: string
  resourceClaimStatuses?: CoreV1PodResourceClaimStatus[]
  resources?: CoreV1ResourceRequirements
  startTime?: string
}

export interface CoreV1PodTemplate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  template?: CoreV1PodTemplateSpec
}

export const CoreV1PodTemplate: Kind<CoreV1PodTemplate> = { group: '', version: 'v1', kind: 'PodTemplate', plural: 'podtemplates', isNamespaced: true }

export interface CoreV1PodTemplateList {
  apiVersion?: string
  items: CoreV1PodTemplate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1PodTemplateSpec {
  metadata?: MetaV1ObjectMeta
  spec?: CoreV1PodSpec
}

export interface CoreV1PortStatus {
  error?: string
  port: number
  protocol: string
}

export interface CoreV1PortworxVolumeSource {
  fsType?: string
  readOnly?: boolean
  volumeID: string
}

export interface CoreV1PreferredSchedulingTerm {
  preference: CoreV1NodeSelectorTerm
  weight: number
}

export interface CoreV1Probe {
  exec?: CoreV1ExecAction
  failureThreshold?: number
  grpc?: CoreV1GRPCAction
  httpGet?: CoreV1HTTPGetAction
  initialDelaySeconds?: number
  periodSeconds?: number
  successThreshold?: number
  tcpSocket?: CoreV1TCPSocketAction
  terminationGracePeriodSeconds?: number
  timeoutSeconds?: number
}

export interface CoreV1ProjectedVolumeSource {
  defaultMode?: number
  sources?: CoreV1VolumeProjection[]
}

export interface CoreV1QuobyteVolumeSource {
  group?: string
  readOnly?: boolean
  registry: string
  tenant?: string
  user?: string
  volume: string
}

export interface CoreV1RBDPersistentVolumeSource {
  fsType?: string
  image: string
  keyring?: string
  monitors: string[]
  pool?: string
  readOnly?: boolean
  secretRef?: CoreV1SecretReference
  user?: string
}

export interface CoreV1RBDVolumeSource {
  fsType?: string
  image: string
  keyring?: string
  monitors: string[]
  pool?: string
  readOnly?: boolean
  secretRef?: CoreV1LocalObjectReference
  user?: string
}

export interface CoreV1ReplicationController {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1ReplicationControllerSpec
  status?: CoreV1ReplicationControllerStatus
}

export const CoreV1ReplicationController: Kind<CoreV1ReplicationController> = { group: '', version: 'v1', kind: 'ReplicationController', plural: 'replicationcontrollers', isNamespaced: true }

export interface CoreV1ReplicationControllerCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CoreV1ReplicationControllerList {
  apiVersion?: string
  items: CoreV1ReplicationController[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ReplicationControllerSpec {
  minReadySeconds?: number
  replicas?: number
  selector?: Record<string, string>
  template?: CoreV1PodTemplateSpec
}

export interface CoreV1ReplicationControllerStatus {
  availableReplicas?: number
  conditions?: CoreV1ReplicationControllerCondition[]
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
}

export interface CoreV1ResourceClaim {
  name: string
  request?: string
}

export interface CoreV1ResourceFieldSelector {
  containerName?: string
  divisor?: string
  resource: string
}

export interface CoreV1ResourceHealth {
  health?: string
  resourceID: string
}

export interface CoreV1ResourceQuota {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1ResourceQuotaSpec
  status?: CoreV1ResourceQuotaStatus
}

export const CoreV1ResourceQuota: Kind<CoreV1ResourceQuota> = { group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', isNamespaced: true }

export interface CoreV1ResourceQuotaList {
  apiVersion?: string
  items: CoreV1ResourceQuota[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ResourceQuotaSpec {
  hard?: Record<string, string>
  scopeSelector?: CoreV1ScopeSelector
  scopes?: string[]
}

export interface CoreV1ResourceQuotaStatus {
  hard?: Record<string, string>
  used?: Record<string, string>
}

export interface CoreV1ResourceRequirements {
  claims?: CoreV1ResourceClaim[]
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export interface CoreV1ResourceStatus {
  name: string
  resources?: CoreV1ResourceHealth[]
}

export interface CoreV1SELinuxOptions {
  level?: string
  role?: string
  type?: string
  user?: string
}

export interface CoreV1ScaleIOPersistentVolumeSource {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: CoreV1SecretReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export interface CoreV1ScaleIOVolumeSource {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: CoreV1LocalObjectReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export interface CoreV1ScopeSelector {
  matchExpressions?: CoreV1ScopedResourceSelectorRequirement[]
}

export interface CoreV1ScopedResourceSelectorRequirement {
  operator: string
  scopeName: string
  values?: string[]
}

export interface CoreV1SeccompProfile {
  localhostProfile?: string
  type: string
}

export interface CoreV1Secret {
  apiVersion: string
  data?: Record<string, string>
  immutable?: boolean
  kind: string
  metadata: MetaV1ObjectMeta
  stringData?: Record<string, string>
  type?: string
}

export const CoreV1Secret: Kind<CoreV1Secret> = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', isNamespaced: true }

export interface CoreV1SecretEnvSource {
  name?: string
  optional?: boolean
}

export interface CoreV1SecretKeySelector {
  key: string
  name?: string
  optional?: boolean
}

export interface CoreV1SecretList {
  apiVersion?: string
  items: CoreV1Secret[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1SecretProjection {
  items?: CoreV1KeyToPath[]
  name?: string
  optional?: boolean
}

export interface CoreV1SecretReference {
  name?: string
  namespace?: string
}

export interface CoreV1SecretVolumeSource {
  defaultMode?: number
  items?: CoreV1KeyToPath[]
  optional?: boolean
  secretName?: string
}

export interface CoreV1SecurityContext {
  allowPrivilegeEscalation?: boolean
  appArmorProfile?: CoreV1AppArmorProfile
  capabilities?: CoreV1Capabilities
  privileged?: boolean
  procMount?: string
  readOnlyRootFilesystem?: boolean
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxOptions?: CoreV1SELinuxOptions
  seccompProfile?: CoreV1SeccompProfile
  windowsOptions?: CoreV1WindowsSecurityContextOptions
}

export interface CoreV1Service {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: CoreV1ServiceSpec
  status?: CoreV1ServiceStatus
}

export const CoreV1Service: Kind<CoreV1Service> = { group: '', version: 'v1', kind: 'Service', plural: 'services', isNamespaced: true }

export interface CoreV1ServiceAccount {
  apiVersion: string
  automountServiceAccountToken?: boolean
  imagePullSecrets?: CoreV1LocalObjectReference[]
  kind: string
  metadata: MetaV1ObjectMeta
  secrets?: CoreV1ObjectReference[]
}

export const CoreV1ServiceAccount: Kind<CoreV1ServiceAccount> = { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', isNamespaced: true }

export interface CoreV1ServiceAccountList {
  apiVersion?: string
  items: CoreV1ServiceAccount[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ServiceAccountTokenProjection {
  audience?: string
  expirationSeconds?: number
  path: string
}

export interface CoreV1ServiceList {
  apiVersion?: string
  items: CoreV1Service[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface CoreV1ServicePort {
  appProtocol?: string
  name?: string
  nodePort?: number
  port: number
  protocol?: string
  targetPort?: string | number
}

export interface CoreV1ServiceSpec {
  allocateLoadBalancerNodePorts?: boolean
  clusterIP?: string
  clusterIPs?: string[]
  externalIPs?: string[]
  externalName?: string
  externalTrafficPolicy?: string
  healthCheckNodePort?: number
  internalTrafficPolicy?: string
  ipFamilies?: string[]
  ipFamilyPolicy?: string
  loadBalancerClass?: string
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  ports?: CoreV1ServicePort[]
  publishNotReadyAddresses?: boolean
  selector?: Record<string, string>
  sessionAffinity?: string
  sessionAffinityConfig?: CoreV1SessionAffinityConfig
  trafficDistribution?: string
  type?: string
}

export interface CoreV1ServiceStatus {
  conditions?: MetaV1Condition[]
  loadBalancer?: CoreV1LoadBalancerStatus
}

export interface CoreV1SessionAffinityConfig {
  clientIP?: CoreV1ClientIPConfig
}

export interface CoreV1SleepAction {
  seconds: number
}

export interface CoreV1StorageOSPersistentVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: CoreV1ObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export interface CoreV1StorageOSVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: CoreV1LocalObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export interface CoreV1Sysctl {
  name: string
  value: string
}

export interface CoreV1TCPSocketAction {
  host?: string
  port: string | number
}

export interface CoreV1Taint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface CoreV1Toleration {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export interface CoreV1TopologySelectorLabelRequirement {
  key: string
  values: string[]
}

export interface CoreV1TopologySelectorTerm {
  matchLabelExpressions?: CoreV1TopologySelectorLabelRequirement[]
}

export interface CoreV1TopologySpreadConstraint {
  labelSelector?: MetaV1LabelSelector
  matchLabelKeys?: string[]
  maxSkew: number
  minDomains?: number
  nodeAffinityPolicy?: string
  nodeTaintsPolicy?: string
  topologyKey: string
  whenUnsatisfiable: string
}

export interface CoreV1TypedLocalObjectReference {
  apiGroup?: string
  kind: string
  name: string
}

export interface CoreV1TypedObjectReference {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}

export interface CoreV1Volume {
  awsElasticBlockStore?: CoreV1AWSElasticBlockStoreVolumeSource
  azureDisk?: CoreV1AzureDiskVolumeSource
  azureFile?: CoreV1AzureFileVolumeSource
  cephfs?: CoreV1CephFSVolumeSource
  cinder?: CoreV1CinderVolumeSource
  configMap?: CoreV1ConfigMapVolumeSource
  csi?: CoreV1CSIVolumeSource
  downwardAPI?: CoreV1DownwardAPIVolumeSource
  emptyDir?: CoreV1EmptyDirVolumeSource
  ephemeral?: CoreV1EphemeralVolumeSource
  fc?: CoreV1FCVolumeSource
  flexVolume?: CoreV1FlexVolumeSource
  flocker?: CoreV1FlockerVolumeSource
  gcePersistentDisk?: CoreV1GCEPersistentDiskVolumeSource
  gitRepo?: CoreV1GitRepoVolumeSource
  glusterfs?: CoreV1GlusterfsVolumeSource
  hostPath?: CoreV1HostPathVolumeSource
  image?: CoreV1ImageVolumeSource
  iscsi?: CoreV1ISCSIVolumeSource
  name: string
  nfs?: CoreV1NFSVolumeSource
  persistentVolumeClaim?: CoreV1PersistentVolumeClaimVolumeSource
  photonPersistentDisk?: CoreV1PhotonPersistentDiskVolumeSource
  portworxVolume?: CoreV1PortworxVolumeSource
  projected?: CoreV1ProjectedVolumeSource
  quobyte?: CoreV1QuobyteVolumeSource
  rbd?: CoreV1RBDVolumeSource
  scaleIO?: CoreV1ScaleIOVolumeSource
  secret?: CoreV1SecretVolumeSource
  storageos?: CoreV1StorageOSVolumeSource
  vsphereVolume?: CoreV1VsphereVirtualDiskVolumeSource
}

export interface CoreV1VolumeDevice {
  devicePath: string
  name: string
}

export interface CoreV1VolumeMount {
  mountPath: string
  mountPropagation?: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
  subPath?: string
  subPathExpr?: string
}

export interface CoreV1VolumeMountStatus {
  mountPath: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
}

export interface CoreV1VolumeNodeAffinity {
  required?: CoreV1NodeSelector
}

export interface CoreV1VolumeProjection {
  clusterTrustBundle?: CoreV1ClusterTrustBundleProjection
  configMap?: CoreV1ConfigMapProjection
  downwardAPI?: CoreV1DownwardAPIProjection
  podCertificate?: CoreV1PodCertificateProjection
  secret?: CoreV1SecretProjection
  serviceAccountToken?: CoreV1ServiceAccountTokenProjection
}

export interface CoreV1VolumeResourceRequirements {
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export interface CoreV1VsphereVirtualDiskVolumeSource {
  fsType?: string
  storagePolicyID?: string
  storagePolicyName?: string
  volumePath: string
}

export interface CoreV1WeightedPodAffinityTerm {
  podAffinityTerm: CoreV1PodAffinityTerm
  weight: number
}

export interface CoreV1WindowsSecurityContextOptions {
  gmsaCredentialSpec?: string
  gmsaCredentialSpecName?: string
  hostProcess?: boolean
  runAsUserName?: string
}

export interface CoreV1WorkloadReference {
  name: string
  podGroup: string
  podGroupReplicaKey?: string
}

export interface DiscoveryV1Endpoint {
  addresses: string[]
  conditions?: DiscoveryV1EndpointConditions
  deprecatedTopology?: Record<string, string>
  hints?: DiscoveryV1EndpointHints
  hostname?: string
  nodeName?: string
  targetRef?: CoreV1ObjectReference
  zone?: string
}

export interface DiscoveryV1EndpointConditions {
  ready?: boolean
  serving?: boolean
  terminating?: boolean
}

export interface DiscoveryV1EndpointHints {
  forNodes?: DiscoveryV1ForNode[]
  forZones?: DiscoveryV1ForZone[]
}

export interface DiscoveryV1EndpointPort {
  appProtocol?: string
  name?: string
  port?: number
  protocol?: string
}

export interface DiscoveryV1EndpointSlice {
  addressType: string
  apiVersion: string
  endpoints: DiscoveryV1Endpoint[]
  kind: string
  metadata: MetaV1ObjectMeta
  ports?: DiscoveryV1EndpointPort[]
}

export const DiscoveryV1EndpointSlice: Kind<DiscoveryV1EndpointSlice> = { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices', isNamespaced: true }

export interface DiscoveryV1EndpointSliceList {
  apiVersion?: string
  items: DiscoveryV1EndpointSlice[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface DiscoveryV1ForNode {
  name: string
}

export interface DiscoveryV1ForZone {
  name: string
}

export interface EventsV1Event {
  action?: string
  apiVersion: string
  deprecatedCount?: number
  deprecatedFirstTimestamp?: string
  deprecatedLastTimestamp?: string
  deprecatedSource?: CoreV1EventSource
  eventTime: string
  kind: string
  metadata: MetaV1ObjectMeta
  note?: string
  reason?: string
  regarding?: CoreV1ObjectReference
  related?: CoreV1ObjectReference
  reportingController?: string
  reportingInstance?: string
  series?: EventsV1EventSeries
  type?: string
}

export const EventsV1Event: Kind<EventsV1Event> = { group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', isNamespaced: true }

export interface EventsV1EventList {
  apiVersion?: string
  items: EventsV1Event[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface EventsV1EventSeries {
  count: number
  lastObservedTime: string
}

export interface FlowcontrolV1ExemptPriorityLevelConfiguration {
  lendablePercent?: number
  nominalConcurrencyShares?: number
}

export interface FlowcontrolV1FlowDistinguisherMethod {
  type: string
}

export interface FlowcontrolV1FlowSchema {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: FlowcontrolV1FlowSchemaSpec
  status?: FlowcontrolV1FlowSchemaStatus
}

export const FlowcontrolV1FlowSchema: Kind<FlowcontrolV1FlowSchema> = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'FlowSchema', plural: 'flowschemas', isNamespaced: false }

export interface FlowcontrolV1FlowSchemaCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export interface FlowcontrolV1FlowSchemaList {
  apiVersion?: string
  items: FlowcontrolV1FlowSchema[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface FlowcontrolV1FlowSchemaSpec {
  distinguisherMethod?: FlowcontrolV1FlowDistinguisherMethod
  matchingPrecedence?: number
  priorityLevelConfiguration: FlowcontrolV1PriorityLevelConfigurationReference
  rules?: FlowcontrolV1PolicyRulesWithSubjects[]
}

export interface FlowcontrolV1FlowSchemaStatus {
  conditions?: FlowcontrolV1FlowSchemaCondition[]
}

export interface FlowcontrolV1GroupSubject {
  name: string
}

export interface FlowcontrolV1LimitResponse {
  queuing?: FlowcontrolV1QueuingConfiguration
  type: string
}

export interface FlowcontrolV1LimitedPriorityLevelConfiguration {
  borrowingLimitPercent?: number
  lendablePercent?: number
  limitResponse?: FlowcontrolV1LimitResponse
  nominalConcurrencyShares?: number
}

export interface FlowcontrolV1NonResourcePolicyRule {
  nonResourceURLs: string[]
  verbs: string[]
}

export interface FlowcontrolV1PolicyRulesWithSubjects {
  nonResourceRules?: FlowcontrolV1NonResourcePolicyRule[]
  resourceRules?: FlowcontrolV1ResourcePolicyRule[]
  subjects: FlowcontrolV1Subject[]
}

export interface FlowcontrolV1PriorityLevelConfiguration {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: FlowcontrolV1PriorityLevelConfigurationSpec
  status?: FlowcontrolV1PriorityLevelConfigurationStatus
}

export const FlowcontrolV1PriorityLevelConfiguration: Kind<FlowcontrolV1PriorityLevelConfiguration> = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'PriorityLevelConfiguration', plural: 'prioritylevelconfigurations', isNamespaced: false }

export interface FlowcontrolV1PriorityLevelConfigurationCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export interface FlowcontrolV1PriorityLevelConfigurationList {
  apiVersion?: string
  items: FlowcontrolV1PriorityLevelConfiguration[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface FlowcontrolV1PriorityLevelConfigurationReference {
  name: string
}

export interface FlowcontrolV1PriorityLevelConfigurationSpec {
  exempt?: FlowcontrolV1ExemptPriorityLevelConfiguration
  limited?: FlowcontrolV1LimitedPriorityLevelConfiguration
  type: string
}

export interface FlowcontrolV1PriorityLevelConfigurationStatus {
  conditions?: FlowcontrolV1PriorityLevelConfigurationCondition[]
}

export interface FlowcontrolV1QueuingConfiguration {
  handSize?: number
  queueLengthLimit?: number
  queues?: number
}

export interface FlowcontrolV1ResourcePolicyRule {
  apiGroups: string[]
  clusterScope?: boolean
  namespaces?: string[]
  resources: string[]
  verbs: string[]
}

export interface FlowcontrolV1ServiceAccountSubject {
  name: string
  namespace: string
}

export interface FlowcontrolV1Subject {
  group?: FlowcontrolV1GroupSubject
  kind: string
  serviceAccount?: FlowcontrolV1ServiceAccountSubject
  user?: FlowcontrolV1UserSubject
}

export interface FlowcontrolV1UserSubject {
  name: string
}

export interface NetworkingV1HTTPIngressPath {
  backend: NetworkingV1IngressBackend
  path?: string
  pathType: string
}

export interface NetworkingV1HTTPIngressRuleValue {
  paths: NetworkingV1HTTPIngressPath[]
}

export interface NetworkingV1IPAddress {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1IPAddressSpec
}

export const NetworkingV1IPAddress: Kind<NetworkingV1IPAddress> = { group: 'networking.k8s.io', version: 'v1', kind: 'IPAddress', plural: 'ipaddresses', isNamespaced: false }

export interface NetworkingV1IPAddressList {
  apiVersion?: string
  items: NetworkingV1IPAddress[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1IPAddressSpec {
  parentRef: NetworkingV1ParentReference
}

export interface NetworkingV1IPBlock {
  cidr: string
  except?: string[]
}

export interface NetworkingV1Ingress {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1IngressSpec
  status?: NetworkingV1IngressStatus
}

export const NetworkingV1Ingress: Kind<NetworkingV1Ingress> = { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', plural: 'ingresses', isNamespaced: true }

export interface NetworkingV1IngressBackend {
  resource?: CoreV1TypedLocalObjectReference
  service?: NetworkingV1IngressServiceBackend
}

export interface NetworkingV1IngressClass {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1IngressClassSpec
}

export const NetworkingV1IngressClass: Kind<NetworkingV1IngressClass> = { group: 'networking.k8s.io', version: 'v1', kind: 'IngressClass', plural: 'ingressclasses', isNamespaced: false }

export interface NetworkingV1IngressClassList {
  apiVersion?: string
  items: NetworkingV1IngressClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1IngressClassParametersReference {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
  scope?: string
}

export interface NetworkingV1IngressClassSpec {
  controller?: string
  parameters?: NetworkingV1IngressClassParametersReference
}

export interface NetworkingV1IngressList {
  apiVersion?: string
  items: NetworkingV1Ingress[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1IngressLoadBalancerIngress {
  hostname?: string
  ip?: string
  ports?: NetworkingV1IngressPortStatus[]
}

export interface NetworkingV1IngressLoadBalancerStatus {
  ingress?: NetworkingV1IngressLoadBalancerIngress[]
}

export interface NetworkingV1IngressPortStatus {
  error?: string
  port: number
  protocol: string
}

export interface NetworkingV1IngressRule {
  host?: string
  http?: NetworkingV1HTTPIngressRuleValue
}

export interface NetworkingV1IngressServiceBackend {
  name: string
  port?: NetworkingV1ServiceBackendPort
}

export interface NetworkingV1IngressSpec {
  defaultBackend?: NetworkingV1IngressBackend
  ingressClassName?: string
  rules?: NetworkingV1IngressRule[]
  tls?: NetworkingV1IngressTLS[]
}

export interface NetworkingV1IngressStatus {
  loadBalancer?: NetworkingV1IngressLoadBalancerStatus
}

export interface NetworkingV1IngressTLS {
  hosts?: string[]
  secretName?: string
}

export interface NetworkingV1NetworkPolicy {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1NetworkPolicySpec
}

export const NetworkingV1NetworkPolicy: Kind<NetworkingV1NetworkPolicy> = { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies', isNamespaced: true }

export interface NetworkingV1NetworkPolicyEgressRule {
  ports?: NetworkingV1NetworkPolicyPort[]
  to?: NetworkingV1NetworkPolicyPeer[]
}

export interface NetworkingV1NetworkPolicyIngressRule {
  from?: NetworkingV1NetworkPolicyPeer[]
  ports?: NetworkingV1NetworkPolicyPort[]
}

export interface NetworkingV1NetworkPolicyList {
  apiVersion?: string
  items: NetworkingV1NetworkPolicy[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1NetworkPolicyPeer {
  ipBlock?: NetworkingV1IPBlock
  namespaceSelector?: MetaV1LabelSelector
  podSelector?: MetaV1LabelSelector
}

export interface NetworkingV1NetworkPolicyPort {
  endPort?: number
  port?: string | number
  protocol?: string
}

export interface NetworkingV1NetworkPolicySpec {
  egress?: NetworkingV1NetworkPolicyEgressRule[]
  ingress?: NetworkingV1NetworkPolicyIngressRule[]
  podSelector?: MetaV1LabelSelector
  policyTypes?: string[]
}

export interface NetworkingV1ParentReference {
  group?: string
  name: string
  namespace?: string
  resource: string
}

export interface NetworkingV1ServiceBackendPort {
  name?: string
  number?: number
}

export interface NetworkingV1ServiceCIDR {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1ServiceCIDRSpec
  status?: NetworkingV1ServiceCIDRStatus
}

export const NetworkingV1ServiceCIDR: Kind<NetworkingV1ServiceCIDR> = { group: 'networking.k8s.io', version: 'v1', kind: 'ServiceCIDR', plural: 'servicecidrs', isNamespaced: false }

export interface NetworkingV1ServiceCIDRList {
  apiVersion?: string
  items: NetworkingV1ServiceCIDR[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1ServiceCIDRSpec {
  cidrs?: string[]
}

export interface NetworkingV1ServiceCIDRStatus {
  conditions?: MetaV1Condition[]
}

export interface NetworkingV1beta1IPAddress {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1beta1IPAddressSpec
}

export const NetworkingV1beta1IPAddress: Kind<NetworkingV1beta1IPAddress> = { group: 'networking.k8s.io', version: 'v1beta1', kind: 'IPAddress', plural: 'ipaddresses', isNamespaced: false }

export interface NetworkingV1beta1IPAddressList {
  apiVersion?: string
  items: NetworkingV1beta1IPAddress[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1beta1IPAddressSpec {
  parentRef: NetworkingV1beta1ParentReference
}

export interface NetworkingV1beta1ParentReference {
  group?: string
  name: string
  namespace?: string
  resource: string
}

export interface NetworkingV1beta1ServiceCIDR {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: NetworkingV1beta1ServiceCIDRSpec
  status?: NetworkingV1beta1ServiceCIDRStatus
}

export const NetworkingV1beta1ServiceCIDR: Kind<NetworkingV1beta1ServiceCIDR> = { group: 'networking.k8s.io', version: 'v1beta1', kind: 'ServiceCIDR', plural: 'servicecidrs', isNamespaced: false }

export interface NetworkingV1beta1ServiceCIDRList {
  apiVersion?: string
  items: NetworkingV1beta1ServiceCIDR[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NetworkingV1beta1ServiceCIDRSpec {
  cidrs?: string[]
}

export interface NetworkingV1beta1ServiceCIDRStatus {
  conditions?: MetaV1Condition[]
}

export interface NodeV1Overhead {
  podFixed?: Record<string, string>
}

export interface NodeV1RuntimeClass {
  apiVersion: string
  handler: string
  kind: string
  metadata: MetaV1ObjectMeta
  overhead?: NodeV1Overhead
  scheduling?: NodeV1Scheduling
}

export const NodeV1RuntimeClass: Kind<NodeV1RuntimeClass> = { group: 'node.k8s.io', version: 'v1', kind: 'RuntimeClass', plural: 'runtimeclasses', isNamespaced: false }

export interface NodeV1RuntimeClassList {
  apiVersion?: string
  items: NodeV1RuntimeClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface NodeV1Scheduling {
  nodeSelector?: Record<string, string>
  tolerations?: CoreV1Toleration[]
}

export interface PolicyV1Eviction {
  apiVersion: string
  deleteOptions?: MetaV1DeleteOptions
  kind: string
  metadata: MetaV1ObjectMeta
}

export interface PolicyV1PodDisruptionBudget {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: PolicyV1PodDisruptionBudgetSpec
  status?: PolicyV1PodDisruptionBudgetStatus
}

export const PolicyV1PodDisruptionBudget: Kind<PolicyV1PodDisruptionBudget> = { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', isNamespaced: true }

export interface PolicyV1PodDisruptionBudgetList {
  apiVersion?: string
  items: PolicyV1PodDisruptionBudget[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface PolicyV1PodDisruptionBudgetSpec {
  maxUnavailable?: string | number
  minAvailable?: string | number
  selector?: MetaV1LabelSelector
  unhealthyPodEvictionPolicy?: string
}

export interface PolicyV1PodDisruptionBudgetStatus {
  conditions?: MetaV1Condition[]
  currentHealthy: number
  desiredHealthy: number
  disruptedPods?: Record<string, string>
  disruptionsAllowed: number
  expectedPods: number
  observedGeneration?: number
}

export interface RbacV1AggregationRule {
  clusterRoleSelectors?: MetaV1LabelSelector[]
}

export interface RbacV1ClusterRole {
  aggregationRule?: RbacV1AggregationRule
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  rules?: RbacV1PolicyRule[]
}

export const RbacV1ClusterRole: Kind<RbacV1ClusterRole> = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole', plural: 'clusterroles', isNamespaced: false }

export interface RbacV1ClusterRoleBinding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  roleRef: RbacV1RoleRef
  subjects?: RbacV1Subject[]
}

export const RbacV1ClusterRoleBinding: Kind<RbacV1ClusterRoleBinding> = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', isNamespaced: false }

export interface RbacV1ClusterRoleBindingList {
  apiVersion?: string
  items: RbacV1ClusterRoleBinding[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface RbacV1ClusterRoleList {
  apiVersion?: string
  items: RbacV1ClusterRole[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface RbacV1PolicyRule {
  apiGroups?: string[]
  nonResourceURLs?: string[]
  resourceNames?: string[]
  resources?: string[]
  verbs: string[]
}

export interface RbacV1Role {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  rules?: RbacV1PolicyRule[]
}

export const RbacV1Role: Kind<RbacV1Role> = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role', plural: 'roles', isNamespaced: true }

export interface RbacV1RoleBinding {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  roleRef: RbacV1RoleRef
  subjects?: RbacV1Subject[]
}

export const RbacV1RoleBinding: Kind<RbacV1RoleBinding> = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'RoleBinding', plural: 'rolebindings', isNamespaced: true }

export interface RbacV1RoleBindingList {
  apiVersion?: string
  items: RbacV1RoleBinding[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface RbacV1RoleList {
  apiVersion?: string
  items: RbacV1Role[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface RbacV1RoleRef {
  apiGroup: string
  kind: string
  name: string
}

export interface RbacV1Subject {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}

export interface ResourceV1AllocatedDeviceStatus {
  conditions?: MetaV1Condition[]
  data?: Record<string, unknown>
  device: string
  driver: string
  networkData?: ResourceV1NetworkDeviceData
  pool: string
  shareID?: string
}

export interface ResourceV1AllocationResult {
  allocationTimestamp?: string
  devices?: ResourceV1DeviceAllocationResult
  nodeSelector?: CoreV1NodeSelector
}

export interface ResourceV1CELDeviceSelector {
  expression: string
}

export interface ResourceV1CapacityRequestPolicy {
  default?: string
  validRange?: ResourceV1CapacityRequestPolicyRange
  validValues?: string[]
}

export interface ResourceV1CapacityRequestPolicyRange {
  max?: string
  min: string
  step?: string
}

export interface ResourceV1CapacityRequirements {
  requests?: Record<string, string>
}

export interface ResourceV1Counter {
  value: string
}

export interface ResourceV1CounterSet {
  counters: Record<string, ResourceV1Counter>
  name: string
}

export interface ResourceV1Device {
  allNodes?: boolean
  allowMultipleAllocations?: boolean
  attributes?: Record<string, ResourceV1DeviceAttribute>
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  bindsToNode?: boolean
  capacity?: Record<string, ResourceV1DeviceCapacity>
  consumesCounters?: ResourceV1DeviceCounterConsumption[]
  name: string
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  taints?: ResourceV1DeviceTaint[]
}

export interface ResourceV1DeviceAllocationConfiguration {
  opaque?: ResourceV1OpaqueDeviceConfiguration
  requests?: string[]
  source: string
}

export interface ResourceV1DeviceAllocationResult {
  config?: ResourceV1DeviceAllocationConfiguration[]
  results?: ResourceV1DeviceRequestAllocationResult[]
}

export interface ResourceV1DeviceAttribute {
  bool?: boolean
  int?: number
  string?: string
  version?: string
}

export interface ResourceV1DeviceCapacity {
  requestPolicy?: ResourceV1CapacityRequestPolicy
  value: string
}

export interface ResourceV1DeviceClaim {
  config?: ResourceV1DeviceClaimConfiguration[]
  constraints?: ResourceV1DeviceConstraint[]
  requests?: ResourceV1DeviceRequest[]
}

export interface ResourceV1DeviceClaimConfiguration {
  opaque?: ResourceV1OpaqueDeviceConfiguration
  requests?: string[]
}

export interface ResourceV1DeviceClass {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1DeviceClassSpec
}

export const ResourceV1DeviceClass: Kind<ResourceV1DeviceClass> = { group: 'resource.k8s.io', version: 'v1', kind: 'DeviceClass', plural: 'deviceclasses', isNamespaced: false }

export interface ResourceV1DeviceClassConfiguration {
  opaque?: ResourceV1OpaqueDeviceConfiguration
}

export interface ResourceV1DeviceClassList {
  apiVersion?: string
  items: ResourceV1DeviceClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1DeviceClassSpec {
  config?: ResourceV1DeviceClassConfiguration[]
  extendedResourceName?: string
  selectors?: ResourceV1DeviceSelector[]
}

export interface ResourceV1DeviceConstraint {
  distinctAttribute?: string
  matchAttribute?: string
  requests?: string[]
}

export interface ResourceV1DeviceCounterConsumption {
  counterSet: string
  counters: Record<string, ResourceV1Counter>
}

export interface ResourceV1DeviceRequest {
  exactly?: ResourceV1ExactDeviceRequest
  firstAvailable?: ResourceV1DeviceSubRequest[]
  name: string
}

export interface ResourceV1DeviceRequestAllocationResult {
  adminAccess?: boolean
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  consumedCapacity?: Record<string, string>
  device: string
  driver: string
  pool: string
  request: string
  shareID?: string
  tolerations?: ResourceV1DeviceToleration[]
}

export interface ResourceV1DeviceSelector {
  cel?: ResourceV1CELDeviceSelector
}

export interface ResourceV1DeviceSubRequest {
  allocationMode?: string
  capacity?: ResourceV1CapacityRequirements
  count?: number
  deviceClassName: string
  name: string
  selectors?: ResourceV1DeviceSelector[]
  tolerations?: ResourceV1DeviceToleration[]
}

export interface ResourceV1DeviceTaint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface ResourceV1DeviceToleration {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export interface ResourceV1ExactDeviceRequest {
  adminAccess?: boolean
  allocationMode?: string
  capacity?: ResourceV1CapacityRequirements
  count?: number
  deviceClassName: string
  selectors?: ResourceV1DeviceSelector[]
  tolerations?: ResourceV1DeviceToleration[]
}

export interface ResourceV1NetworkDeviceData {
  hardwareAddress?: string
  interfaceName?: string
  ips?: string[]
}

export interface ResourceV1OpaqueDeviceConfiguration {
  driver: string
  parameters: Record<string, unknown>
}

export interface ResourceV1ResourceClaim {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1ResourceClaimSpec
  status?: ResourceV1ResourceClaimStatus
}

export const ResourceV1ResourceClaim: Kind<ResourceV1ResourceClaim> = { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaim', plural: 'resourceclaims', isNamespaced: true }

export interface ResourceV1ResourceClaimConsumerReference {
  apiGroup?: string
  name: string
  resource: string
  uid: string
}

export interface ResourceV1ResourceClaimList {
  apiVersion?: string
  items: ResourceV1ResourceClaim[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1ResourceClaimSpec {
  devices?: ResourceV1DeviceClaim
}

export interface ResourceV1ResourceClaimStatus {
  allocation?: ResourceV1AllocationResult
  devices?: ResourceV1AllocatedDeviceStatus[]
  reservedFor?: ResourceV1ResourceClaimConsumerReference[]
}

export interface ResourceV1ResourceClaimTemplate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1ResourceClaimTemplateSpec
}

export const ResourceV1ResourceClaimTemplate: Kind<ResourceV1ResourceClaimTemplate> = { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaimTemplate', plural: 'resourceclaimtemplates', isNamespaced: true }

export interface ResourceV1ResourceClaimTemplateList {
  apiVersion?: string
  items: ResourceV1ResourceClaimTemplate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1ResourceClaimTemplateSpec {
  metadata?: MetaV1ObjectMeta
  spec: ResourceV1ResourceClaimSpec
}

export interface ResourceV1ResourcePool {
  generation: number
  name: string
  resourceSliceCount: number
}

export interface ResourceV1ResourceSlice {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1ResourceSliceSpec
}

export const ResourceV1ResourceSlice: Kind<ResourceV1ResourceSlice> = { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceSlice', plural: 'resourceslices', isNamespaced: false }

export interface ResourceV1ResourceSliceList {
  apiVersion?: string
  items: ResourceV1ResourceSlice[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1ResourceSliceSpec {
  allNodes?: boolean
  devices?: ResourceV1Device[]
  driver: string
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  perDeviceNodeSelection?: boolean
  pool: ResourceV1ResourcePool
  sharedCounters?: ResourceV1CounterSet[]
}

export interface ResourceV1alpha3DeviceTaint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface ResourceV1alpha3DeviceTaintRule {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1alpha3DeviceTaintRuleSpec
  status?: ResourceV1alpha3DeviceTaintRuleStatus
}

export const ResourceV1alpha3DeviceTaintRule: Kind<ResourceV1alpha3DeviceTaintRule> = { group: 'resource.k8s.io', version: 'v1alpha3', kind: 'DeviceTaintRule', plural: 'devicetaintrules', isNamespaced: false }

export interface ResourceV1alpha3DeviceTaintRuleList {
  apiVersion?: string
  items: ResourceV1alpha3DeviceTaintRule[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1alpha3DeviceTaintRuleSpec {
  deviceSelector?: ResourceV1alpha3DeviceTaintSelector
  taint: ResourceV1alpha3DeviceTaint
}

export interface ResourceV1alpha3DeviceTaintRuleStatus {
  conditions?: MetaV1Condition[]
}

export interface ResourceV1alpha3DeviceTaintSelector {
  device?: string
  driver?: string
  pool?: string
}

export interface ResourceV1beta1AllocatedDeviceStatus {
  conditions?: MetaV1Condition[]
  data?: Record<string, unknown>
  device: string
  driver: string
  networkData?: ResourceV1beta1NetworkDeviceData
  pool: string
  shareID?: string
}

export interface ResourceV1beta1AllocationResult {
  allocationTimestamp?: string
  devices?: ResourceV1beta1DeviceAllocationResult
  nodeSelector?: CoreV1NodeSelector
}

export interface ResourceV1beta1BasicDevice {
  allNodes?: boolean
  allowMultipleAllocations?: boolean
  attributes?: Record<string, ResourceV1beta1DeviceAttribute>
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  bindsToNode?: boolean
  capacity?: Record<string, ResourceV1beta1DeviceCapacity>
  consumesCounters?: ResourceV1beta1DeviceCounterConsumption[]
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  taints?: ResourceV1beta1DeviceTaint[]
}

export interface ResourceV1beta1CELDeviceSelector {
  expression: string
}

export interface ResourceV1beta1CapacityRequestPolicy {
  default?: string
  validRange?: ResourceV1beta1CapacityRequestPolicyRange
  validValues?: string[]
}

export interface ResourceV1beta1CapacityRequestPolicyRange {
  max?: string
  min: string
  step?: string
}

export interface ResourceV1beta1CapacityRequirements {
  requests?: Record<string, string>
}

export interface ResourceV1beta1Counter {
  value: string
}

export interface ResourceV1beta1CounterSet {
  counters: Record<string, ResourceV1beta1Counter>
  name: string
}

export interface ResourceV1beta1Device {
  basic?: ResourceV1beta1BasicDevice
  name: string
}

export interface ResourceV1beta1DeviceAllocationConfiguration {
  opaque?: ResourceV1beta1OpaqueDeviceConfiguration
  requests?: string[]
  source: string
}

export interface ResourceV1beta1DeviceAllocationResult {
  config?: ResourceV1beta1DeviceAllocationConfiguration[]
  results?: ResourceV1beta1DeviceRequestAllocationResult[]
}

export interface ResourceV1beta1DeviceAttribute {
  bool?: boolean
  int?: number
  string?: string
  version?: string
}

export interface ResourceV1beta1DeviceCapacity {
  requestPolicy?: ResourceV1beta1CapacityRequestPolicy
  value: string
}

export interface ResourceV1beta1DeviceClaim {
  config?: ResourceV1beta1DeviceClaimConfiguration[]
  constraints?: ResourceV1beta1DeviceConstraint[]
  requests?: ResourceV1beta1DeviceRequest[]
}

export interface ResourceV1beta1DeviceClaimConfiguration {
  opaque?: ResourceV1beta1OpaqueDeviceConfiguration
  requests?: string[]
}

export interface ResourceV1beta1DeviceClass {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta1DeviceClassSpec
}

export const ResourceV1beta1DeviceClass: Kind<ResourceV1beta1DeviceClass> = { group: 'resource.k8s.io', version: 'v1beta1', kind: 'DeviceClass', plural: 'deviceclasses', isNamespaced: false }

export interface ResourceV1beta1DeviceClassConfiguration {
  opaque?: ResourceV1beta1OpaqueDeviceConfiguration
}

export interface ResourceV1beta1DeviceClassList {
  apiVersion?: string
  items: ResourceV1beta1DeviceClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta1DeviceClassSpec {
  config?: ResourceV1beta1DeviceClassConfiguration[]
  extendedResourceName?: string
  selectors?: ResourceV1beta1DeviceSelector[]
}

export interface ResourceV1beta1DeviceConstraint {
  distinctAttribute?: string
  matchAttribute?: string
  requests?: string[]
}

export interface ResourceV1beta1DeviceCounterConsumption {
  counterSet: string
  counters: Record<string, ResourceV1beta1Counter>
}

export interface ResourceV1beta1DeviceRequest {
  adminAccess?: boolean
  allocationMode?: string
  capacity?: ResourceV1beta1CapacityRequirements
  count?: number
  deviceClassName?: string
  firstAvailable?: ResourceV1beta1DeviceSubRequest[]
  name: string
  selectors?: ResourceV1beta1DeviceSelector[]
  tolerations?: ResourceV1beta1DeviceToleration[]
}

export interface ResourceV1beta1DeviceRequestAllocationResult {
  adminAccess?: boolean
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  consumedCapacity?: Record<string, string>
  device: string
  driver: string
  pool: string
  request: string
  shareID?: string
  tolerations?: ResourceV1beta1DeviceToleration[]
}

export interface ResourceV1beta1DeviceSelector {
  cel?: ResourceV1beta1CELDeviceSelector
}

export interface ResourceV1beta1DeviceSubRequest {
  allocationMode?: string
  capacity?: ResourceV1beta1CapacityRequirements
  count?: number
  deviceClassName: string
  name: string
  selectors?: ResourceV1beta1DeviceSelector[]
  tolerations?: ResourceV1beta1DeviceToleration[]
}

export interface ResourceV1beta1DeviceTaint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface ResourceV1beta1DeviceToleration {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export interface ResourceV1beta1NetworkDeviceData {
  hardwareAddress?: string
  interfaceName?: string
  ips?: string[]
}

export interface ResourceV1beta1OpaqueDeviceConfiguration {
  driver: string
  parameters: Record<string, unknown>
}

export interface ResourceV1beta1ResourceClaim {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta1ResourceClaimSpec
  status?: ResourceV1beta1ResourceClaimStatus
}

export const ResourceV1beta1ResourceClaim: Kind<ResourceV1beta1ResourceClaim> = { group: 'resource.k8s.io', version: 'v1beta1', kind: 'ResourceClaim', plural: 'resourceclaims', isNamespaced: true }

export interface ResourceV1beta1ResourceClaimConsumerReference {
  apiGroup?: string
  name: string
  resource: string
  uid: string
}

export interface ResourceV1beta1ResourceClaimList {
  apiVersion?: string
  items: ResourceV1beta1ResourceClaim[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta1ResourceClaimSpec {
  devices?: ResourceV1beta1DeviceClaim
}

export interface ResourceV1beta1ResourceClaimStatus {
  allocation?: ResourceV1beta1AllocationResult
  devices?: ResourceV1beta1AllocatedDeviceStatus[]
  reservedFor?: ResourceV1beta1ResourceClaimConsumerReference[]
}

export interface ResourceV1beta1ResourceClaimTemplate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta1ResourceClaimTemplateSpec
}

export const ResourceV1beta1ResourceClaimTemplate: Kind<ResourceV1beta1ResourceClaimTemplate> = { group: 'resource.k8s.io', version: 'v1beta1', kind: 'ResourceClaimTemplate', plural: 'resourceclaimtemplates', isNamespaced: true }

export interface ResourceV1beta1ResourceClaimTemplateList {
  apiVersion?: string
  items: ResourceV1beta1ResourceClaimTemplate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta1ResourceClaimTemplateSpec {
  metadata?: MetaV1ObjectMeta
  spec: ResourceV1beta1ResourceClaimSpec
}

export interface ResourceV1beta1ResourcePool {
  generation: number
  name: string
  resourceSliceCount: number
}

export interface ResourceV1beta1ResourceSlice {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta1ResourceSliceSpec
}

export const ResourceV1beta1ResourceSlice: Kind<ResourceV1beta1ResourceSlice> = { group: 'resource.k8s.io', version: 'v1beta1', kind: 'ResourceSlice', plural: 'resourceslices', isNamespaced: false }

export interface ResourceV1beta1ResourceSliceList {
  apiVersion?: string
  items: ResourceV1beta1ResourceSlice[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta1ResourceSliceSpec {
  allNodes?: boolean
  devices?: ResourceV1beta1Device[]
  driver: string
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  perDeviceNodeSelection?: boolean
  pool: ResourceV1beta1ResourcePool
  sharedCounters?: ResourceV1beta1CounterSet[]
}

export interface ResourceV1beta2AllocatedDeviceStatus {
  conditions?: MetaV1Condition[]
  data?: Record<string, unknown>
  device: string
  driver: string
  networkData?: ResourceV1beta2NetworkDeviceData
  pool: string
  shareID?: string
}

export interface ResourceV1beta2AllocationResult {
  allocationTimestamp?: string
  devices?: ResourceV1beta2DeviceAllocationResult
  nodeSelector?: CoreV1NodeSelector
}

export interface ResourceV1beta2CELDeviceSelector {
  expression: string
}

export interface ResourceV1beta2CapacityRequestPolicy {
  default?: string
  validRange?: ResourceV1beta2CapacityRequestPolicyRange
  validValues?: string[]
}

export interface ResourceV1beta2CapacityRequestPolicyRange {
  max?: string
  min: string
  step?: string
}

export interface ResourceV1beta2CapacityRequirements {
  requests?: Record<string, string>
}

export interface ResourceV1beta2Counter {
  value: string
}

export interface ResourceV1beta2CounterSet {
  counters: Record<string, ResourceV1beta2Counter>
  name: string
}

export interface ResourceV1beta2Device {
  allNodes?: boolean
  allowMultipleAllocations?: boolean
  attributes?: Record<string, ResourceV1beta2DeviceAttribute>
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  bindsToNode?: boolean
  capacity?: Record<string, ResourceV1beta2DeviceCapacity>
  consumesCounters?: ResourceV1beta2DeviceCounterConsumption[]
  name: string
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  taints?: ResourceV1beta2DeviceTaint[]
}

export interface ResourceV1beta2DeviceAllocationConfiguration {
  opaque?: ResourceV1beta2OpaqueDeviceConfiguration
  requests?: string[]
  source: string
}

export interface ResourceV1beta2DeviceAllocationResult {
  config?: ResourceV1beta2DeviceAllocationConfiguration[]
  results?: ResourceV1beta2DeviceRequestAllocationResult[]
}

export interface ResourceV1beta2DeviceAttribute {
  bool?: boolean
  int?: number
  string?: string
  version?: string
}

export interface ResourceV1beta2DeviceCapacity {
  requestPolicy?: ResourceV1beta2CapacityRequestPolicy
  value: string
}

export interface ResourceV1beta2DeviceClaim {
  config?: ResourceV1beta2DeviceClaimConfiguration[]
  constraints?: ResourceV1beta2DeviceConstraint[]
  requests?: ResourceV1beta2DeviceRequest[]
}

export interface ResourceV1beta2DeviceClaimConfiguration {
  opaque?: ResourceV1beta2OpaqueDeviceConfiguration
  requests?: string[]
}

export interface ResourceV1beta2DeviceClass {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta2DeviceClassSpec
}

export const ResourceV1beta2DeviceClass: Kind<ResourceV1beta2DeviceClass> = { group: 'resource.k8s.io', version: 'v1beta2', kind: 'DeviceClass', plural: 'deviceclasses', isNamespaced: false }

export interface ResourceV1beta2DeviceClassConfiguration {
  opaque?: ResourceV1beta2OpaqueDeviceConfiguration
}

export interface ResourceV1beta2DeviceClassList {
  apiVersion?: string
  items: ResourceV1beta2DeviceClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta2DeviceClassSpec {
  config?: ResourceV1beta2DeviceClassConfiguration[]
  extendedResourceName?: string
  selectors?: ResourceV1beta2DeviceSelector[]
}

export interface ResourceV1beta2DeviceConstraint {
  distinctAttribute?: string
  matchAttribute?: string
  requests?: string[]
}

export interface ResourceV1beta2DeviceCounterConsumption {
  counterSet: string
  counters: Record<string, ResourceV1beta2Counter>
}

export interface ResourceV1beta2DeviceRequest {
  exactly?: ResourceV1beta2ExactDeviceRequest
  firstAvailable?: ResourceV1beta2DeviceSubRequest[]
  name: string
}

export interface ResourceV1beta2DeviceRequestAllocationResult {
  adminAccess?: boolean
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
  consumedCapacity?: Record<string, string>
  device: string
  driver: string
  pool: string
  request: string
  shareID?: string
  tolerations?: ResourceV1beta2DeviceToleration[]
}

export interface ResourceV1beta2DeviceSelector {
  cel?: ResourceV1beta2CELDeviceSelector
}

export interface ResourceV1beta2DeviceSubRequest {
  allocationMode?: string
  capacity?: ResourceV1beta2CapacityRequirements
  count?: number
  deviceClassName: string
  name: string
  selectors?: ResourceV1beta2DeviceSelector[]
  tolerations?: ResourceV1beta2DeviceToleration[]
}

export interface ResourceV1beta2DeviceTaint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface ResourceV1beta2DeviceToleration {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export interface ResourceV1beta2ExactDeviceRequest {
  adminAccess?: boolean
  allocationMode?: string
  capacity?: ResourceV1beta2CapacityRequirements
  count?: number
  deviceClassName: string
  selectors?: ResourceV1beta2DeviceSelector[]
  tolerations?: ResourceV1beta2DeviceToleration[]
}

export interface ResourceV1beta2NetworkDeviceData {
  hardwareAddress?: string
  interfaceName?: string
  ips?: string[]
}

export interface ResourceV1beta2OpaqueDeviceConfiguration {
  driver: string
  parameters: Record<string, unknown>
}

export interface ResourceV1beta2ResourceClaim {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta2ResourceClaimSpec
  status?: ResourceV1beta2ResourceClaimStatus
}

export const ResourceV1beta2ResourceClaim: Kind<ResourceV1beta2ResourceClaim> = { group: 'resource.k8s.io', version: 'v1beta2', kind: 'ResourceClaim', plural: 'resourceclaims', isNamespaced: true }

export interface ResourceV1beta2ResourceClaimConsumerReference {
  apiGroup?: string
  name: string
  resource: string
  uid: string
}

export interface ResourceV1beta2ResourceClaimList {
  apiVersion?: string
  items: ResourceV1beta2ResourceClaim[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta2ResourceClaimSpec {
  devices?: ResourceV1beta2DeviceClaim
}

export interface ResourceV1beta2ResourceClaimStatus {
  allocation?: ResourceV1beta2AllocationResult
  devices?: ResourceV1beta2AllocatedDeviceStatus[]
  reservedFor?: ResourceV1beta2ResourceClaimConsumerReference[]
}

export interface ResourceV1beta2ResourceClaimTemplate {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta2ResourceClaimTemplateSpec
}

export const ResourceV1beta2ResourceClaimTemplate: Kind<ResourceV1beta2ResourceClaimTemplate> = { group: 'resource.k8s.io', version: 'v1beta2', kind: 'ResourceClaimTemplate', plural: 'resourceclaimtemplates', isNamespaced: true }

export interface ResourceV1beta2ResourceClaimTemplateList {
  apiVersion?: string
  items: ResourceV1beta2ResourceClaimTemplate[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta2ResourceClaimTemplateSpec {
  metadata?: MetaV1ObjectMeta
  spec: ResourceV1beta2ResourceClaimSpec
}

export interface ResourceV1beta2ResourcePool {
  generation: number
  name: string
  resourceSliceCount: number
}

export interface ResourceV1beta2ResourceSlice {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ResourceV1beta2ResourceSliceSpec
}

export const ResourceV1beta2ResourceSlice: Kind<ResourceV1beta2ResourceSlice> = { group: 'resource.k8s.io', version: 'v1beta2', kind: 'ResourceSlice', plural: 'resourceslices', isNamespaced: false }

export interface ResourceV1beta2ResourceSliceList {
  apiVersion?: string
  items: ResourceV1beta2ResourceSlice[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ResourceV1beta2ResourceSliceSpec {
  allNodes?: boolean
  devices?: ResourceV1beta2Device[]
  driver: string
  nodeName?: string
  nodeSelector?: CoreV1NodeSelector
  perDeviceNodeSelection?: boolean
  pool: ResourceV1beta2ResourcePool
  sharedCounters?: ResourceV1beta2CounterSet[]
}

export interface SchedulingV1PriorityClass {
  apiVersion: string
  description?: string
  globalDefault?: boolean
  kind: string
  metadata: MetaV1ObjectMeta
  preemptionPolicy?: string
  value: number
}

export const SchedulingV1PriorityClass: Kind<SchedulingV1PriorityClass> = { group: 'scheduling.k8s.io', version: 'v1', kind: 'PriorityClass', plural: 'priorityclasses', isNamespaced: false }

export interface SchedulingV1PriorityClassList {
  apiVersion?: string
  items: SchedulingV1PriorityClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface SchedulingV1alpha1GangSchedulingPolicy {
  minCount: number
}

export interface SchedulingV1alpha1PodGroup {
  name: string
  policy: SchedulingV1alpha1PodGroupPolicy
}

export interface SchedulingV1alpha1PodGroupPolicy {
  basic?: Record<string, unknown>
  gang?: SchedulingV1alpha1GangSchedulingPolicy
}

export interface SchedulingV1alpha1TypedLocalObjectReference {
  apiGroup?: string
  kind: string
  name: string
}

export interface SchedulingV1alpha1Workload {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: SchedulingV1alpha1WorkloadSpec
}

export const SchedulingV1alpha1Workload: Kind<SchedulingV1alpha1Workload> = { group: 'scheduling.k8s.io', version: 'v1alpha1', kind: 'Workload', plural: 'workloads', isNamespaced: true }

export interface SchedulingV1alpha1WorkloadList {
  apiVersion?: string
  items: SchedulingV1alpha1Workload[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface SchedulingV1alpha1WorkloadSpec {
  controllerRef?: SchedulingV1alpha1TypedLocalObjectReference
  podGroups: SchedulingV1alpha1PodGroup[]
}

export interface StorageV1CSIDriver {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: StorageV1CSIDriverSpec
}

export const StorageV1CSIDriver: Kind<StorageV1CSIDriver> = { group: 'storage.k8s.io', version: 'v1', kind: 'CSIDriver', plural: 'csidrivers', isNamespaced: false }

export interface StorageV1CSIDriverList {
  apiVersion?: string
  items: StorageV1CSIDriver[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1CSIDriverSpec {
  attachRequired?: boolean
  fsGroupPolicy?: string
  nodeAllocatableUpdatePeriodSeconds?: number
  podInfoOnMount?: boolean
  requiresRepublish?: boolean
  seLinuxMount?: boolean
  serviceAccountTokenInSecrets?: boolean
  storageCapacity?: boolean
  tokenRequests?: StorageV1TokenRequest[]
  volumeLifecycleModes?: string[]
}

export interface StorageV1CSINode {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: StorageV1CSINodeSpec
}

export const StorageV1CSINode: Kind<StorageV1CSINode> = { group: 'storage.k8s.io', version: 'v1', kind: 'CSINode', plural: 'csinodes', isNamespaced: false }

export interface StorageV1CSINodeDriver {
  allocatable?: StorageV1VolumeNodeResources
  name: string
  nodeID: string
  topologyKeys?: string[]
}

export interface StorageV1CSINodeList {
  apiVersion?: string
  items: StorageV1CSINode[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1CSINodeSpec {
  drivers: StorageV1CSINodeDriver[]
}

export interface StorageV1CSIStorageCapacity {
  apiVersion: string
  capacity?: string
  kind: string
  maximumVolumeSize?: string
  metadata: MetaV1ObjectMeta
  nodeTopology?: MetaV1LabelSelector
  storageClassName: string
}

export const StorageV1CSIStorageCapacity: Kind<StorageV1CSIStorageCapacity> = { group: 'storage.k8s.io', version: 'v1', kind: 'CSIStorageCapacity', plural: 'csistoragecapacities', isNamespaced: true }

export interface StorageV1CSIStorageCapacityList {
  apiVersion?: string
  items: StorageV1CSIStorageCapacity[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1StorageClass {
  allowVolumeExpansion?: boolean
  allowedTopologies?: CoreV1TopologySelectorTerm[]
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  mountOptions?: string[]
  parameters?: Record<string, string>
  provisioner: string
  reclaimPolicy?: string
  volumeBindingMode?: string
}

export const StorageV1StorageClass: Kind<StorageV1StorageClass> = { group: 'storage.k8s.io', version: 'v1', kind: 'StorageClass', plural: 'storageclasses', isNamespaced: false }

export interface StorageV1StorageClassList {
  apiVersion?: string
  items: StorageV1StorageClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1TokenRequest {
  audience: string
  expirationSeconds?: number
}

export interface StorageV1VolumeAttachment {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: StorageV1VolumeAttachmentSpec
  status?: StorageV1VolumeAttachmentStatus
}

export const StorageV1VolumeAttachment: Kind<StorageV1VolumeAttachment> = { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttachment', plural: 'volumeattachments', isNamespaced: false }

export interface StorageV1VolumeAttachmentList {
  apiVersion?: string
  items: StorageV1VolumeAttachment[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1VolumeAttachmentSource {
  inlineVolumeSpec?: CoreV1PersistentVolumeSpec
  persistentVolumeName?: string
}

export interface StorageV1VolumeAttachmentSpec {
  attacher: string
  nodeName: string
  source: StorageV1VolumeAttachmentSource
}

export interface StorageV1VolumeAttachmentStatus {
  attachError?: StorageV1VolumeError
  attached: boolean
  attachmentMetadata?: Record<string, string>
  detachError?: StorageV1VolumeError
}

export interface StorageV1VolumeAttributesClass {
  apiVersion: string
  driverName: string
  kind: string
  metadata: MetaV1ObjectMeta
  parameters?: Record<string, string>
}

export const StorageV1VolumeAttributesClass: Kind<StorageV1VolumeAttributesClass> = { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttributesClass', plural: 'volumeattributesclasses', isNamespaced: false }

export interface StorageV1VolumeAttributesClassList {
  apiVersion?: string
  items: StorageV1VolumeAttributesClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StorageV1VolumeError {
  errorCode?: number
  message?: string
  time?: string
}

export interface StorageV1VolumeNodeResources {
  count?: number
}

export interface StorageV1beta1VolumeAttributesClass {
  apiVersion: string
  driverName: string
  kind: string
  metadata: MetaV1ObjectMeta
  parameters?: Record<string, string>
}

export const StorageV1beta1VolumeAttributesClass: Kind<StorageV1beta1VolumeAttributesClass> = { group: 'storage.k8s.io', version: 'v1beta1', kind: 'VolumeAttributesClass', plural: 'volumeattributesclasses', isNamespaced: false }

export interface StorageV1beta1VolumeAttributesClassList {
  apiVersion?: string
  items: StorageV1beta1VolumeAttributesClass[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StoragemigrationV1beta1StorageVersionMigration {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: StoragemigrationV1beta1StorageVersionMigrationSpec
  status?: StoragemigrationV1beta1StorageVersionMigrationStatus
}

export const StoragemigrationV1beta1StorageVersionMigration: Kind<StoragemigrationV1beta1StorageVersionMigration> = { group: 'storagemigration.k8s.io', version: 'v1beta1', kind: 'StorageVersionMigration', plural: 'storageversionmigrations', isNamespaced: false }

export interface StoragemigrationV1beta1StorageVersionMigrationList {
  apiVersion?: string
  items: StoragemigrationV1beta1StorageVersionMigration[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface StoragemigrationV1beta1StorageVersionMigrationSpec {
  resource: MetaV1GroupResource
}

export interface StoragemigrationV1beta1StorageVersionMigrationStatus {
  conditions?: MetaV1Condition[]
  resourceVersion?: string
}

export interface ApiextensionsV1CustomResourceColumnDefinition {
  description?: string
  format?: string
  jsonPath: string
  name: string
  priority?: number
  type: string
}

export interface ApiextensionsV1CustomResourceConversion {
  strategy: string
  webhook?: ApiextensionsV1WebhookConversion
}

export interface ApiextensionsV1CustomResourceDefinition {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ApiextensionsV1CustomResourceDefinitionSpec
  status?: ApiextensionsV1CustomResourceDefinitionStatus
}

export const ApiextensionsV1CustomResourceDefinition: Kind<ApiextensionsV1CustomResourceDefinition> = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions', isNamespaced: false }

export interface ApiextensionsV1CustomResourceDefinitionCondition {
  lastTransitionTime?: string
  message?: string
  observedGeneration?: number
  reason?: string
  status: string
  type: string
}

export interface ApiextensionsV1CustomResourceDefinitionList {
  apiVersion?: string
  items: ApiextensionsV1CustomResourceDefinition[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ApiextensionsV1CustomResourceDefinitionNames {
  categories?: string[]
  kind: string
  listKind?: string
  plural: string
  shortNames?: string[]
  singular?: string
}

export interface ApiextensionsV1CustomResourceDefinitionSpec {
  conversion?: ApiextensionsV1CustomResourceConversion
  group: string
  names: ApiextensionsV1CustomResourceDefinitionNames
  preserveUnknownFields?: boolean
  scope: string
  versions: ApiextensionsV1CustomResourceDefinitionVersion[]
}

export interface ApiextensionsV1CustomResourceDefinitionStatus {
  acceptedNames?: ApiextensionsV1CustomResourceDefinitionNames
  conditions?: ApiextensionsV1CustomResourceDefinitionCondition[]
  observedGeneration?: number
  storedVersions?: string[]
}

export interface ApiextensionsV1CustomResourceDefinitionVersion {
  additionalPrinterColumns?: ApiextensionsV1CustomResourceColumnDefinition[]
  deprecated?: boolean
  deprecationWarning?: string
  name: string
  schema?: ApiextensionsV1CustomResourceValidation
  selectableFields?: ApiextensionsV1SelectableField[]
  served: boolean
  storage: boolean
  subresources?: ApiextensionsV1CustomResourceSubresources
}

export interface ApiextensionsV1CustomResourceSubresourceScale {
  labelSelectorPath?: string
  specReplicasPath: string
  statusReplicasPath: string
}

export interface ApiextensionsV1CustomResourceSubresources {
  scale?: ApiextensionsV1CustomResourceSubresourceScale
  status?: Record<string, unknown>
}

export interface ApiextensionsV1CustomResourceValidation {
  openAPIV3Schema?: ApiextensionsV1JSONSchemaProps
}

export interface ApiextensionsV1ExternalDocumentation {
  description?: string
  url?: string
}

export interface ApiextensionsV1JSONSchemaProps {
  $ref?: string
  $schema?: string
  additionalItems?: unknown
  additionalProperties?: unknown
  allOf?: ApiextensionsV1JSONSchemaProps[]
  anyOf?: ApiextensionsV1JSONSchemaProps[]
  default?: unknown
  definitions?: Record<string, ApiextensionsV1JSONSchemaProps>
  dependencies?: Record<string, unknown>
  description?: string
  enum?: unknown[]
  example?: unknown
  exclusiveMaximum?: boolean
  exclusiveMinimum?: boolean
  externalDocs?: ApiextensionsV1ExternalDocumentation
  format?: string
  id?: string
  items?: unknown
  maxItems?: number
  maxLength?: number
  maxProperties?: number
  maximum?: number
  minItems?: number
  minLength?: number
  minProperties?: number
  minimum?: number
  multipleOf?: number
  not?: ApiextensionsV1JSONSchemaProps
  nullable?: boolean
  oneOf?: ApiextensionsV1JSONSchemaProps[]
  pattern?: string
  patternProperties?: Record<string, ApiextensionsV1JSONSchemaProps>
  properties?: Record<string, ApiextensionsV1JSONSchemaProps>
  required?: string[]
  title?: string
  type?: string
  uniqueItems?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-list-type'?: string
  'x-kubernetes-map-type'?: string
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-validations'?: ApiextensionsV1ValidationRule[]
}

export interface ApiextensionsV1SelectableField {
  jsonPath: string
}

export interface ApiextensionsV1ServiceReference {
  name: string
  namespace: string
  path?: string
  port?: number
}

export interface ApiextensionsV1ValidationRule {
  fieldPath?: string
  message?: string
  messageExpression?: string
  optionalOldSelf?: boolean
  reason?: string
  rule: string
}

export interface ApiextensionsV1WebhookClientConfig {
  caBundle?: string
  service?: ApiextensionsV1ServiceReference
  url?: string
}

export interface ApiextensionsV1WebhookConversion {
  clientConfig?: ApiextensionsV1WebhookClientConfig
  conversionReviewVersions: string[]
}

export interface MetaV1APIGroup {
  apiVersion?: string
  kind?: string
  name: string
  preferredVersion?: MetaV1GroupVersionForDiscovery
  serverAddressByClientCIDRs?: MetaV1ServerAddressByClientCIDR[]
  versions: MetaV1GroupVersionForDiscovery[]
}

export interface MetaV1APIGroupList {
  apiVersion?: string
  groups: MetaV1APIGroup[]
  kind?: string
}

export interface MetaV1APIResource {
  categories?: string[]
  group?: string
  kind: string
  name: string
  namespaced: boolean
  shortNames?: string[]
  singularName: string
  storageVersionHash?: string
  verbs: string[]
  version?: string
}

export interface MetaV1APIResourceList {
  apiVersion?: string
  groupVersion: string
  kind?: string
  resources: MetaV1APIResource[]
}

export interface MetaV1APIVersions {
  apiVersion?: string
  kind?: string
  serverAddressByClientCIDRs: MetaV1ServerAddressByClientCIDR[]
  versions: string[]
}

export interface MetaV1Condition {
  lastTransitionTime: string
  message: string
  observedGeneration?: number
  reason: string
  status: string
  type: string
}

export interface MetaV1DeleteOptions {
  apiVersion?: string
  dryRun?: string[]
  gracePeriodSeconds?: number
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
  kind?: string
  orphanDependents?: boolean
  preconditions?: MetaV1Preconditions
  propagationPolicy?: string
}

export interface MetaV1FieldSelectorRequirement {
  key: string
  operator: string
  values?: string[]
}

export interface MetaV1GroupResource {
  group: string
  resource: string
}

export interface MetaV1GroupVersionForDiscovery {
  groupVersion: string
  version: string
}

export interface MetaV1LabelSelector {
  matchExpressions?: MetaV1LabelSelectorRequirement[]
  matchLabels?: Record<string, string>
}

export interface MetaV1LabelSelectorRequirement {
  key: string
  operator: string
  values?: string[]
}

export interface MetaV1ListMeta {
  continue?: string
  remainingItemCount?: number
  resourceVersion?: string
  selfLink?: string
}

export interface MetaV1ManagedFieldsEntry {
  apiVersion?: string
  fieldsType?: string
  fieldsV1?: Record<string, unknown>
  manager?: string
  operation?: string
  subresource?: string
  time?: string
}

export interface MetaV1ObjectMeta {
  annotations?: Record<string, string>
  creationTimestamp?: string
  deletionGracePeriodSeconds?: number
  deletionTimestamp?: string
  finalizers?: string[]
  generateName?: string
  generation?: number
  labels?: Record<string, string>
  managedFields?: MetaV1ManagedFieldsEntry[]
  name?: string
  namespace?: string
  ownerReferences?: MetaV1OwnerReference[]
  resourceVersion?: string
  selfLink?: string
  uid?: string
}

export interface MetaV1OwnerReference {
  apiVersion: string
  blockOwnerDeletion?: boolean
  controller?: boolean
  kind: string
  name: string
  uid: string
}

export interface MetaV1Preconditions {
  resourceVersion?: string
  uid?: string
}

export interface MetaV1ServerAddressByClientCIDR {
  clientCIDR: string
  serverAddress: string
}

export interface MetaV1Status {
  apiVersion?: string
  code?: number
  details?: MetaV1StatusDetails
  kind?: string
  message?: string
  metadata?: MetaV1ListMeta
  reason?: string
  status?: string
}

export interface MetaV1StatusCause {
  field?: string
  message?: string
  reason?: string
}

export interface MetaV1StatusDetails {
  causes?: MetaV1StatusCause[]
  group?: string
  kind?: string
  name?: string
  retryAfterSeconds?: number
  uid?: string
}

export interface MetaV1WatchEvent {
  object: Record<string, unknown>
  type: string
}

export interface Info {
  buildDate: string
  compiler: string
  emulationMajor?: string
  emulationMinor?: string
  gitCommit: string
  gitTreeState: string
  gitVersion: string
  goVersion: string
  major: string
  minCompatibilityMajor?: string
  minCompatibilityMinor?: string
  minor: string
  platform: string
}

export interface ApiregistrationV1APIService {
  apiVersion: string
  kind: string
  metadata: MetaV1ObjectMeta
  spec: ApiregistrationV1APIServiceSpec
  status?: ApiregistrationV1APIServiceStatus
}

export const ApiregistrationV1APIService: Kind<ApiregistrationV1APIService> = { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService', plural: 'apiservices', isNamespaced: false }

export interface ApiregistrationV1APIServiceCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface ApiregistrationV1APIServiceList {
  apiVersion?: string
  items: ApiregistrationV1APIService[]
  kind?: string
  metadata?: MetaV1ListMeta
}

export interface ApiregistrationV1APIServiceSpec {
  caBundle?: string
  group?: string
  groupPriorityMinimum: number
  insecureSkipTLSVerify?: boolean
  service?: ApiregistrationV1ServiceReference
  version?: string
  versionPriority: number
}

export interface ApiregistrationV1APIServiceStatus {
  conditions?: ApiregistrationV1APIServiceCondition[]
}

export interface ApiregistrationV1ServiceReference {
  name?: string
  namespace?: string
  port?: number
}
