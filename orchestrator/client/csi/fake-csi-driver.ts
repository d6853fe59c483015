import type { CsiDriver, CsiMethod, CsiRequest, CsiResponse } from './csi-driver.ts'

/** Answers by method; a thrown error is the call's. */
export type FakeAnswers = { readonly [M in CsiMethod]?: (request: CsiRequest<M>) => CsiResponse<M> | Promise<CsiResponse<M>> }

/** A CSI driver for tests that keeps account of its calls: `METHOD id`. What has no answer answers nothing. */
export interface FakeCsiDriver extends CsiDriver {
  readonly calls: string[]
  readonly requests: { readonly method: CsiMethod; readonly request: object }[]
}

/** A driver that can do what is named. */
export function createFakeCsiDriver(
  name: string,
  capabilities: { readonly plugin?: readonly string[]; readonly controller?: readonly string[]; readonly node?: readonly string[] },
  answers: FakeAnswers = {},
): FakeCsiDriver {
  const calls: string[] = []
  const requests: { method: CsiMethod; request: object }[] = []
  const list = (types: readonly string[] = []) => ({ capabilities: types.map((type) => ({ rpc: { type } })) })
  const standard: FakeAnswers = {
    GetPluginInfo: () => ({ name }),
    GetPluginCapabilities: () => list(['CONTROLLER_SERVICE', ...(capabilities.plugin ?? [])]),
    ControllerGetCapabilities: () => list(capabilities.controller),
    NodeGetCapabilities: () => list(capabilities.node),
    NodeGetInfo: () => ({ nodeId: 'id-of-node' }),
  }
  return {
    calls,
    requests,
    call: async <M extends CsiMethod>(method: M, request: CsiRequest<M>) => {
      const { volumeId, name: wanted } = request as { volumeId?: string; name?: string }
      const id = volumeId ?? wanted
      if (id !== undefined) calls.push(`${method} ${id}`)
      requests.push({ method, request })
      const answer = (answers[method] ?? standard[method]) as ((request: CsiRequest<M>) => CsiResponse<M>) | undefined
      return answer === undefined ? {} : answer(request)
    },
    close: () => {},
  }
}
