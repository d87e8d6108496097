import type { Service } from '../generated/api/core/v1.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { namesOf, type Observed } from './observed.ts';
import type { Wanted } from './steps/step.ts';

/** Where the objects of a kind stand among what was observed. */
const slots: Record<string, keyof Observed> = {
  Service: 'service',
  PersistentVolumeClaim: 'claim',
  Deployment: 'deployment',
  NetworkPolicy: 'networkPolicy',
  PodDisruptionBudget: 'disruptionBudget',
  Job: 'restoreJob',
  Ingress: 'ingress',
  TLSRoute: 'tlsRoute',
};

/** The place of an object. */
export function slotOf({ cluster }: Observed, kind: string, name: string | undefined): keyof Observed {
  const names = namesOf(cluster);
  if (kind !== 'Secret') return slots[kind] as keyof Observed;
  if (name === names.pki) return 'pkiSecret';
  if (name === names.restore) return 'restoreSecret';
  return name === names.token ? 'tokenSecret' : 'kubeconfigSecret';
}

/** What was seen of the object that is wished. */
export function presentOf(observed: Observed, wanted: Wanted): AnyObject | undefined {
  return observed[slotOf(observed, wanted.type.kind, wanted.object.metadata.name)] as AnyObject | undefined;
}

/** The same with the object as it is now. */
export function withObject(observed: Observed, wanted: Wanted, object: AnyObject): Observed {
  return {
    ...observed,
    [slotOf(observed, wanted.type.kind, wanted.object.metadata.name)]: object as unknown as Service,
  };
}

/** With `deletionPolicy: Retain`, what makes up the tenant's identity and state is not owned, so nothing collects it. */
export function outlives({ cluster, spec }: Pick<Observed, 'cluster' | 'spec'>, wanted: Wanted): boolean {
  if (spec.deletionPolicy !== 'Retain') return false;
  const names = namesOf(cluster);
  return [names.pki, names.token, names.claim].includes(wanted.object.metadata.name ?? '');
}
