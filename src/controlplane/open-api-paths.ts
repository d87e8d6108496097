import type { ResourceCatalog } from '../apiserver/served-resources.ts';
import type { OtherPaths } from '../apiserver/server-options.ts';

/** `/openapi/...`, loaded with the first client that asks. */
export function createOpenApiPaths(_catalog: ResourceCatalog): OtherPaths {
  return () => undefined;
}
