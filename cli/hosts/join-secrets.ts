import type { JoinOptions } from './join.ts'

/** What a host needs to join, once: never on the command line of a process that lasts. */
export type JoinSecrets = Pick<JoinOptions, 'token' | 'trust'>
