import { groupNameOf } from './group-names.ts';

/** A path that shows one document about the server itself, such as the list of its groups. */
export interface RootPath {
  /** With a slash at its end. */
  readonly path: string;
  readonly tag: string;
  readonly operationId: string;
  /** Type of the answer; a text where there is none. */
  readonly typeName?: string | undefined;
  readonly mediaTypes: readonly string[];
}

/** Paths by the document in which they stand. */
export type RootDocuments = Readonly<Record<string, RootPath>>;

const negotiated = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const json = ['application/json'];
/** Of `/version`; no type of the API. */
export const VERSION_INFO = 'version.Info';

/** Documents that do not depend on what is served. Source: apiserver `pkg/server/routes`, `pkg/routes/openidmetadata.go`. */
export const rootDocuments: RootDocuments = {
  api: {
    path: '/api/',
    tag: 'core',
    operationId: 'getCoreAPIVersions',
    typeName: 'meta/v1.APIVersions',
    mediaTypes: negotiated,
  },
  apis: {
    path: '/apis/',
    tag: 'apis',
    operationId: 'getAPIVersions',
    typeName: 'meta/v1.APIGroupList',
    mediaTypes: negotiated,
  },
  version: {
    path: '/version/',
    tag: 'version',
    operationId: 'getCodeVersion',
    typeName: VERSION_INFO,
    mediaTypes: json,
  },
  '.well-known/openid-configuration': {
    path: '/.well-known/openid-configuration/',
    tag: 'WellKnown',
    operationId: 'getServiceAccountIssuerOpenIDConfiguration',
    mediaTypes: json,
  },
  'openid/v1/jwks': {
    path: '/openid/v1/jwks/',
    tag: 'openid',
    operationId: 'getServiceAccountIssuerOpenIDKeyset',
    mediaTypes: ['application/jwk-set+json'],
  },
};

/** `/apis/G/`. */
export function groupPath(group: string): RootPath {
  const tag = groupNameOf(group);
  const operationId = `get${capital(tag)}APIGroup`;
  return { path: `/apis/${group}/`, tag, operationId, typeName: 'meta/v1.APIGroup', mediaTypes: negotiated };
}

/** `/api/v1/` and `/apis/G/V/`. */
export function resourcesPath(group: string, version: string): RootPath {
  const name = groupNameOf(group);
  return {
    path: group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`,
    tag: `${name}_${version}`,
    operationId: `get${capital(name)}${capital(version)}APIResources`,
    typeName: 'meta/v1.APIResourceList',
    mediaTypes: negotiated,
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
