import type { Namespace } from '../../../generated/api/core/v1.ts';
import type {
  AllocatedDeviceStatus,
  DeviceClaim,
  ResourceClaim,
  ResourceClaimStatus,
  ResourceClaimTemplate,
} from '../../../generated/api/resource/v1.ts';
import { namespaces } from '../../../generated/resource-types.ts';
import { type FieldError, fieldForbidden } from '../../../machinery/errors/field-error.ts';
import { invalid } from '../../../machinery/errors/status-error.ts';
import type { AuthorizationAttributes, Authorizer, User } from '../../call.ts';
import { accessDenied } from '../../filters/authorization.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { isSame } from '../../registry/equality.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns } from '../admission.ts';

const GROUP = 'resource.k8s.io';
const ADMIN_LABEL = 'resource.kubernetes.io/admin-access';
const NODE_NAME = 'authentication.kubernetes.io/node-name';

export interface DeviceClaimsDeps {
  readonly authorizer: Authorizer;
  readonly reader: ObjectReader;
}

/**
 * Who may have devices as an administrator, allocate them, and tell of them. Upstream's kinds judge it with their other
 * rules.
 *
 * Source: `pkg/registry/resource/utils.go`.
 */
export function deviceClaims(deps: DeviceClaimsDeps): AdmissionPlugin {
  return {
    name: 'DeviceClaims',
    operations: ['CREATE', 'UPDATE'],
    async validate(attempt) {
      if (attempt.group !== GROUP) return;
      const faults = await faultsOf(attempt, deps);
      if (faults.length > 0) throw invalid(attempt.kind, attempt.object?.metadata.name ?? '', faults);
    },
  };
}

async function faultsOf(attempt: AdmissionAttempt, deps: DeviceClaimsDeps): Promise<readonly FieldError[]> {
  if (concerns(attempt, GROUP, 'resourceclaims', 'status')) return statusFaults(attempt, deps);
  const { operation, object } = attempt;
  let asked: DeviceClaim | undefined;
  if (concerns(attempt, GROUP, 'resourceclaims')) asked = (object as ResourceClaim | undefined)?.spec.devices;
  if (concerns(attempt, GROUP, 'resourceclaimtemplates'))
    asked = (object as ResourceClaimTemplate | undefined)?.spec.spec?.devices;
  const index = (asked?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true);
  if (operation !== 'CREATE' || index < 0) return [];
  return adminFaults(attempt, `spec.devices.requests[${index}].adminAccess`, deps);
}

async function adminFaults(
  { namespace }: AdmissionAttempt,
  path: string,
  deps: DeviceClaimsDeps,
): Promise<readonly FieldError[]> {
  const found: Namespace | undefined = await deps.reader.get(namespaces, { name: namespace });
  if (found?.metadata.labels?.[ADMIN_LABEL] === 'true') return [];
  const why = `admin access to devices requires the \`${ADMIN_LABEL}: true\` label on the containing namespace`;
  return [fieldForbidden(path, why)];
}

async function statusFaults(attempt: AdmissionAttempt, deps: DeviceClaimsDeps): Promise<readonly FieldError[]> {
  const next = (attempt.object as ResourceClaim | undefined)?.status ?? {};
  const previous = (attempt.previous as ResourceClaim | undefined)?.status ?? {};
  const index = adminIndexOf(next);
  const isNew = index >= 0 && adminIndexOf(previous) < 0;
  const path = `status.allocation.devices.results[${index}].adminAccess`;
  return [
    ...(isNew ? await adminFaults(attempt, path, deps) : []),
    ...(await bindingFaults(attempt, next, previous, deps.authorizer)),
    ...(next.allocation === undefined ? [] : await deviceFaults(attempt, next, previous, deps.authorizer)),
  ];
}

const adminIndexOf = ({ allocation }: ResourceClaimStatus): number =>
  (allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true);

async function bindingFaults(
  attempt: AdmissionAttempt,
  next: ResourceClaimStatus,
  previous: ResourceClaimStatus,
  authorizer: Authorizer,
): Promise<readonly FieldError[]> {
  if (isSame(next.allocation, previous.allocation) && isSame(next.reservedFor, previous.reservedFor)) return [];
  const { verb } = attempt;
  const denial = await denialOf(attempt, authorizer, { verb, subresource: 'binding', namespace: '', name: '' });
  if (denial === undefined) return [];
  const why = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${denial}`;
  return [fieldForbidden('status.allocation', why)];
}

/** Drivers on a node speak for its devices; others need the right to speak for any node. */
async function deviceFaults(
  attempt: AdmissionAttempt,
  next: ResourceClaimStatus,
  previous: ResourceClaimStatus,
  authorizer: Authorizer,
): Promise<readonly FieldError[]> {
  const { verb, user, namespace } = attempt;
  const verbs = isOnNode(user, nodeOf(next))
    ? [`associated-node:${verb}`, `arbitrary-node:${verb}`]
    : [`arbitrary-node:${verb}`];
  const faults: FieldError[] = [];
  for (const name of changedDrivers(next, previous)) {
    const denials: (string | undefined)[] = [];
    for (const one of verbs) {
      denials.push(await denialOf(attempt, authorizer, { verb: one, subresource: 'driver', namespace, name }));
      if (denials.at(-1) === undefined) break;
    }
    if (denials.at(-1) === undefined) continue;
    const why = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${denials[0]}`;
    faults.push(fieldForbidden('status.devices', why));
  }
  return faults;
}

async function denialOf(
  { user, version, signal }: AdmissionAttempt,
  authorizer: Authorizer,
  what: Pick<AuthorizationAttributes, 'verb' | 'subresource' | 'namespace' | 'name'>,
): Promise<string | undefined> {
  const attributes = { isResourceRequest: true, path: '', group: GROUP, version, resource: 'resourceclaims', ...what };
  const { verdict, reason } = await authorizer.authorize(user, attributes, signal);
  return verdict === 'allow' ? undefined : accessDenied(user, attributes, reason).message;
}

const keyOf = ({ driver = '', pool = '', device = '', shareID = '' }: AllocatedDeviceStatus): string =>
  JSON.stringify([driver, pool, device, shareID]);

function changedDrivers(next: ResourceClaimStatus, previous: ResourceClaimStatus): readonly string[] {
  const before = new Map((previous.devices ?? []).map((device) => [keyOf(device), device]));
  const drivers = new Set<string>();
  for (const device of next.devices ?? []) {
    const known = before.get(keyOf(device));
    before.delete(keyOf(device));
    if (known === undefined || !isSame(known, device)) drivers.add(device.driver ?? '');
  }
  for (const { driver = '' } of before.values()) drivers.add(driver);
  return [...drivers].sort();
}

/** The one node of an allocation, where it has one. */
function nodeOf({ allocation }: ResourceClaimStatus): string {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (others.length > 0 || more.length > 0 || (term?.matchExpressions ?? []).length > 0) return '';
  if (field?.key !== 'metadata.name' || field.operator !== 'In' || field.values?.length !== 1) return '';
  return field.values[0] ?? '';
}

function isOnNode({ name, extra }: User, node: string): boolean {
  const names = extra?.[NODE_NAME] ?? [];
  return node !== '' && /^system:serviceaccount:[^:]+:[^:]+$/.test(name) && names.length === 1 && names[0] === node;
}
