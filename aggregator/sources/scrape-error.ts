/** The step of a scrape that failed, in the order in which they happen. */
export type ScrapeStage =
  | 'address'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'authentication'
  | 'authorization'
  | 'status'
  | 'timeout'
  | 'size'
  | 'parse'

/** A scrape that gave nothing: the step that failed, and why. */
export class ScrapeError extends Error {
  readonly code: ScrapeStage
  /** Of the answer, where there was one. */
  readonly status: number | undefined

  constructor(code: ScrapeStage, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options)
    this.name = 'ScrapeError'
    this.code = code
    this.status = options.status
  }
}

/** What a person should look at when a node cannot be scraped. */
export const nodeAdvice: Readonly<Record<ScrapeStage, string>> = {
  address: 'the Node object has no address of an allowed type or no kubelet port: is its node agent running?',
  dns: "the node's address is a name that does not resolve here: prefer addresses of type InternalIP",
  connect: 'nothing listens there, or a firewall is in between: is the node agent running?',
  tls: "the certificates do not fit: is the node's serving certificate from the given authority and does it name this address?",
  authentication: 'the node does not accept our client certificate or token: is it from the authority that the node trusts?',
  authorization: 'our user may not get nodes/stats or nodes/metrics: bind it to a role that may',
  status: 'the node answered, but with no figures',
  timeout: 'the node takes too long: is it overloaded, or the resolution too short?',
  size: 'the answer is larger than anything sensible',
  parse: 'the node answered with something that is no summary of this node',
}

/** What a person should look at when a pod's endpoint cannot be scraped. */
export const podAdvice: Readonly<Record<ScrapeStage, string>> = {
  address: 'the annotations prometheus.io/port, path and scheme must name an endpoint of the pod, and the pod needs an address of its own',
  dns: 'the address of the pod is no address',
  connect: 'nothing listens at that port of the pod, or a NetworkPolicy is in between: check prometheus.io/port',
  tls: 'the endpoint does not speak TLS as asked for: check prometheus.io/scheme',
  authentication: 'the endpoint wants credentials; none are ever sent to pods',
  authorization: 'the endpoint refuses us; no credentials are ever sent to pods',
  status: 'nothing is served at that path, or it redirects, which is not followed: check prometheus.io/path',
  timeout: 'the endpoint takes too long',
  size: 'the page is larger than prometheus.maxBytes allows',
  parse: "the page is not in Prometheus' text format or OpenMetrics",
}
