import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';

const text: JSONSchemaProps = { type: 'string' };
const flag: JSONSchemaProps = { type: 'boolean' };
const long: JSONSchemaProps = { type: 'integer', format: 'int64' };
const fields = (properties: Record<string, JSONSchemaProps>, required?: string[]): JSONSchemaProps => ({
  type: 'object',
  properties,
  ...(required === undefined ? {} : { required }),
});
const atomicList = (items: JSONSchemaProps): JSONSchemaProps => ({
  type: 'array',
  items,
  'x-kubernetes-list-type': 'atomic',
});

const profile = fields({ localhostProfile: text, type: text }, ['type']);
/** What pods and containers both say. Source: `core/v1` (PodSecurityContext, SecurityContext). */
const shared: Record<string, JSONSchemaProps> = {
  appArmorProfile: profile,
  runAsGroup: long,
  runAsNonRoot: flag,
  runAsUser: long,
  seLinuxOptions: fields({ level: text, role: text, type: text, user: text }),
  seccompProfile: profile,
  windowsOptions: fields({
    gmsaCredentialSpec: text,
    gmsaCredentialSpecName: text,
    hostProcess: flag,
    runAsUserName: text,
  }),
};

export const podSecurityContextSchema: JSONSchemaProps = fields({
  ...shared,
  fsGroup: long,
  fsGroupChangePolicy: text,
  seLinuxChangePolicy: text,
  supplementalGroups: atomicList(long),
  supplementalGroupsPolicy: text,
  sysctls: atomicList(fields({ name: text, value: text }, ['name', 'value'])),
});

export const securityContextSchema: JSONSchemaProps = fields({
  ...shared,
  allowPrivilegeEscalation: flag,
  capabilities: fields({ add: atomicList(text), drop: atomicList(text) }),
  privileged: flag,
  procMount: text,
  readOnlyRootFilesystem: flag,
});
