/** Why a host cannot join, or go on as part of a cluster: one line for whoever typed the command. */
export class JoinError extends Error {
  readonly code = 'JOIN'
}
