/** A container cannot be made from its pod as things are: shown as `CreateContainerConfigError` until they change. */
export class ConfigurationError extends Error {
  readonly code = 'configuration'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ConfigurationError'
  }
}

/** Is this the author's or the cluster's doing, rather than the runtime's? */
export const isConfigurationError = (error: unknown): error is ConfigurationError =>
  error instanceof Error && 'code' in error && error.code === 'configuration'
