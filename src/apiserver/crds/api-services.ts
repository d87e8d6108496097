import type { APIService } from '../../generated/api/apiregistration/v1.ts';
import { apiservices } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import { type EnsureDeps, ensureObject } from '../bootstrap/ensure.ts';
import { isSame } from '../registry/equality.ts';

const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';

/** Order of built-in groups: the higher, the earlier. Source: `pkg/controlplane/apiserver/aggregator.go`. */
const groupPriorities: Readonly<Record<string, number>> = {
  // Has no APIService, and stands before all others.
  'apiregistration.k8s.io': 20_001,
  '': 18000,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'apiextensions.k8s.io': 16700,
  'admissionregistration.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
  'resource.k8s.io': 16200,
};

/** Built-in versions that differ from the usual 15. */
const versionPriorities: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'resource.k8s.io/v1': 21,
};

/** Where groups come in discovery; unknown ones are those of CRDs. */
export function groupPriorityOf(group: string): number {
  return groupPriorities[group] ?? 1000;
}

interface LocalVersion {
  readonly group: string;
  readonly version: string;
  readonly origin: 'builtin' | 'custom';
}

/**
 * Keeps the APIService objects of what this server serves itself: they say that no other server is to be asked.
 * Source: kube-aggregator `pkg/controllers/autoregister`, kube-apiserver `crdregistration`.
 */
export class ApiServices {
  readonly #deps: EnsureDeps & { readonly clock: Clock };
  readonly #kept = new Set<string>();

  constructor(deps: EnsureDeps & { readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** Makes the objects agree with `served`; objects that somebody pointed elsewhere are left alone. */
  async sync(served: readonly LocalVersion[]): Promise<void> {
    const wanted = new Map<string, LocalVersion>();
    // The group of APIServices themselves has none: nobody else can serve it.
    for (const local of served) if (local.group !== 'apiregistration.k8s.io') wanted.set(nameOf(local), local);
    const work: Promise<void>[] = [];
    for (const [name, local] of wanted) if (!this.#kept.has(name)) work.push(this.#ensure(name, local));
    for (const name of this.#kept) if (!wanted.has(name)) work.push(this.#remove(name));
    await Promise.all(work);
  }

  async #ensure(name: string, local: LocalVersion): Promise<void> {
    const object = this.#toObject(name, local);
    await ensureObject(this.#deps, apiservices, object, (stored) => {
      if (stored.spec?.service !== undefined || isSame(stored.spec, object.spec)) return undefined;
      return { ...stored, spec: object.spec };
    });
    await this.#ensureStatus(name, object);
    this.#kept.add(name);
  }

  async #ensureStatus(name: string, { status }: APIService & KubeObject): Promise<void> {
    const { client, reader } = this.#deps;
    const stored = await reader.get(apiservices, { name });
    if (stored === undefined || (stored.status?.conditions ?? []).length > 0 || stored.spec?.service !== undefined)
      return;
    try {
      await client.update(apiservices, { ...stored, status } as APIService & KubeObject, { subresource: 'status' });
    } catch (error) {
      // Another server that starts at the same time says the same.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    this.#kept.delete(name);
    const stored = await this.#deps.reader.get(apiservices, { name });
    if (stored?.metadata?.labels?.[MANAGED] === undefined) return;
    try {
      await this.#deps.client.delete(apiservices, { name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #toObject(name: string, { group, version, origin }: LocalVersion): APIService & KubeObject {
    return {
      metadata: { name, labels: { [MANAGED]: origin === 'builtin' ? 'onstart' : 'true' } },
      spec: {
        ...(group === '' ? {} : { group }),
        version,
        groupPriorityMinimum: groupPriorityOf(group),
        versionPriority: origin === 'builtin' ? (versionPriorities[`${group}/${version}`] ?? 15) : 100,
      },
      status: {
        conditions: [
          {
            type: 'Available',
            status: 'True',
            reason: 'Local',
            message: 'Local APIServices are always available',
            lastTransitionTime: toTimeText(this.#deps.clock.nowMs()),
          },
        ],
      },
    } as APIService & KubeObject;
  }
}

function nameOf({ group, version }: LocalVersion): string {
  return `${version}.${group}`;
}
