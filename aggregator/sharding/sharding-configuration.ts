/** The section `sharding` of a configuration file. Files are PEM. */
export interface ShardingConfiguration {
  /** Absent: the name of the host. */
  readonly name: string | undefined
  readonly group: string
  /** Where the other aggregators reach this one. */
  readonly host: string
  readonly port: number
  /** Absent: `host`. */
  readonly advertisedHost: string | undefined
  readonly leaseDurationMs: number
  /** The authority of the members' certificates, and this member's own, good for serving and for asking. */
  readonly certificateAuthority: string
  readonly certificate: string
  readonly key: string
  readonly allowedNames: readonly string[]
}

/** Its keys. */
export const shardingKeys = [
  'name',
  'group',
  'host',
  'port',
  'advertisedHost',
  'leaseDuration',
  'certificateAuthority',
  'certificate',
  'key',
  'allowedNames',
] as const
