/** What the servers agree on, in one object that only one of them can change at a time. */
export interface LeaseRecord {
  /** Changes with each write. */
  readonly version: string
  /** Who leads; empty where the last one has left. */
  readonly holder: string
  /** Where the others reach the one who leads: `host:port`. */
  readonly address: string
  /** Grows with each change of the leader. */
  readonly term: number
  /** Whatever changes with each renewal. */
  readonly renewTime: string
  /** Who has everything that was ever acknowledged: only they may lead next. */
  readonly inSync: readonly string[]
}

/** Where the agreement is kept, such as a Lease of an API server. Rejects where it cannot be reached. */
export interface LeaseStore {
  /** `undefined` where there is none yet. */
  read(): Promise<LeaseRecord | undefined>
  /** Writes where `known` is still what is there (`undefined`: nothing); else answers `undefined` and changes nothing. */
  write(known: LeaseRecord | undefined, next: Omit<LeaseRecord, 'version' | 'renewTime'>): Promise<LeaseRecord | undefined>
}
