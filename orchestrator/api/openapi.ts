/** The index at `/openapi/v3`: per group version (`api/v1`, `apis/apps/v1`) the URL of its document, with a hash for caches. */
export function openApiV3Index(): { readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>> } {
  return { paths: {} }
}

/** The OpenAPI v3 document of `api/v1` or `apis/<group>/<version>`; `undefined` where there is none. */
export function openApiV3(_groupVersionPath: string): object | undefined {
  return undefined
}

/** The OpenAPI v2 document of everything. Large (megabytes): make it once and keep the bytes. */
export function openApiV2(): object {
  return { swagger: '2.0' }
}
