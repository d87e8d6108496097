import type { PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';
import { type Amounts, whole } from './amounts.ts';
import { type Evaluator, satisfies } from './evaluator.ts';

const SUFFIX = '.storageclass.storage.k8s.io/';
const CLAIMS = 'persistentvolumeclaims';
const STORAGE = 'requests.storage';
const NANO = 1_000_000_000n;

/** Counts storage, in all and by storage class. Source: `pkg/quota/v1/evaluator/core/persistent_volume_claims.go`. */
export const claimEvaluator: Evaluator = {
  counts: (name) =>
    name === `count/${CLAIMS}` ||
    name === CLAIMS ||
    name === STORAGE ||
    name.endsWith(SUFFIX + CLAIMS) ||
    name.endsWith(SUFFIX + STORAGE),
  isInScope(object, scope) {
    if (scope.scopeName !== 'VolumeAttributesClass') return false;
    return satisfies(scope, [...attributesClasses(object as unknown as PersistentVolumeClaim)]);
  },
  usage: (object) => claimUsage(object as unknown as PersistentVolumeClaim),
};

function claimUsage(claim: PersistentVolumeClaim): Amounts {
  const usage = new Map([
    [CLAIMS, whole(1)],
    [`count/${CLAIMS}`, whole(1)],
  ]);
  const legacy = claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'];
  const className = legacy ?? claim.spec?.storageClassName;
  if (className) usage.set(className + SUFFIX + CLAIMS, whole(1));
  const storage = storageOf(claim);
  if (storage === undefined) return usage;
  usage.set(STORAGE, storage);
  if (className) usage.set(className + SUFFIX + STORAGE, storage);
  return usage;
}

/** What is asked for, or what is allocated already where that is more; in whole bytes. */
function storageOf(claim: PersistentVolumeClaim): Quantity | undefined {
  const asked = claim.spec?.resources?.requests?.['storage'];
  if (asked === undefined) return undefined;
  const requested = roundedUp(parseQuantity(String(asked)));
  const allocated = claim.status?.allocatedResources?.['storage'];
  if (allocated === undefined) return requested;
  const granted = parseQuantity(String(allocated));
  return granted.compare(requested) > 0 ? roundedUp(granted) : requested;
}

function roundedUp(amount: Quantity): Quantity {
  const rest = amount.nano % NANO;
  return rest === 0n ? amount : new Quantity(amount.nano - rest + NANO, amount.format);
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): ReadonlySet<string> {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return new Set(names.filter((name): name is string => name !== undefined && name !== ''));
}

/** Whether a status changes what a claim counts for. Source: RequiresQuotaReplenish in the same file. */
export function changesClaimUsage(next: KubeObject, previous: KubeObject): boolean {
  const [after, before] = [next as unknown as PersistentVolumeClaim, previous as unknown as PersistentVolumeClaim];
  if (after.status?.allocatedResources?.['storage'] !== before.status?.allocatedResources?.['storage']) return true;
  return [...attributesClasses(after)].sort().join() !== [...attributesClasses(before)].sort().join();
}
