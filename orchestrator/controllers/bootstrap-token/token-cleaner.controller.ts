import { bootstrapTokenKey, isExpired, readBootstrapToken } from '../../api/bootstrap-token.ts'
import { CoreV1Secret } from '../../api/generated/kinds.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { ignoreGone } from '../refusal.ts'

/** Removes bootstrap tokens whose time is over. */
export function createTokenCleanerController(): ControllerDeclaration<CoreV1Secret> {
  return {
    name: 'token-cleaner',
    for: CoreV1Secret,
    async reconcile(secret, { client, now }) {
      const token = readBootstrapToken(secret)
      if (token?.expiresAtMs === undefined) return undefined
      if (!isExpired(token, now)) return { requeueAfterMs: token.expiresAtMs - now }
      const preconditions = { uid: secret.metadata.uid!, resourceVersion: secret.metadata.resourceVersion! }
      await ignoreGone(client.delete(CoreV1Secret, bootstrapTokenKey(token.id), { preconditions }))
      return undefined
    },
  }
}
