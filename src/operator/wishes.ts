import type { Client } from '../client/client.ts';
import { isInvalid, isNotFound } from '../machinery/errors/status-error.ts';
import { type AnyObject, keyOf, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import type { VirtualCluster } from './api/virtual-cluster.ts';
import { Answers, type ApplyOptions, applyWanted } from './host.ts';
import type { Observed } from './observed.ts';
import type { EventSink } from './reconciler.ts';
import { type Refusal, Refusals, refusalOf } from './refusals.ts';
import { ContestedError, Repairs } from './repairs.ts';
import { outlives, presentOf, slotOf, withObject } from './slots.ts';
import type { Fault, Halt } from './status.ts';
import { planService } from './steps/service.ts';
import type { Step, Unwanted, Wanted } from './steps/step.ts';

/** How many ports of its sequence a tenant tries before it gives up until the next round. */
const PORT_ATTEMPTS = 16;
/** What a tenant can do without: where the host refuses to make it, the rest goes on. */
const dispensable = ['PodDisruptionBudget', 'Ingress', 'TLSRoute'];
/** No server starts without these, and one that runs does not stop for them. */
const protective = ['NetworkPolicy'];

/** What came of a wish: the tenant goes on with a fault, and cannot where it is halted. */
export interface Granted {
  readonly observed: Observed;
  readonly halted?: Halt | undefined;
  readonly fault?: Fault | undefined;
}

/** Makes and removes objects of tenants, and knows what hosts have answered to that. */
export class Wishes {
  readonly #deps: { readonly client: Client; readonly events: EventSink };
  readonly #answers = new Answers();
  readonly #repairs = new Repairs();
  readonly #refusals = new Refusals();

  constructor(deps: { readonly client: Client; readonly events: EventSink }) {
    this.#deps = deps;
  }

  forget(tenant: string): void {
    for (const each of [this.#answers, this.#repairs, this.#refusals]) each.forget(tenant);
  }

  /** Makes one object as it is wished. One that is refused is told of, and asked for again after a while. */
  async bring(step: Step, wanted: Wanted, observed: Observed, signal: AbortSignal): Promise<Granted> {
    const { client } = this.#deps;
    const { cluster, nowMs } = observed;
    const tenant = toKeyText(keyOf(cluster));
    const present = presentOf(observed, wanted);
    const standing = this.#refusals.standing(tenant, wanted.object, nowMs);
    if (standing !== undefined) return this.#refused(step, wanted, observed, standing);
    try {
      const options = this.#optionsOf(wanted, observed);
      const object = await applyWanted(client, wanted, present, options, signal);
      this.#refusals.clear(tenant, wanted.object);
      this.#tell(cluster, wanted, present, object);
      return { observed: object === present ? observed : withObject(observed, wanted, object) };
    } catch (error) {
      if (step.name === 'service' && present === undefined && isTaken(error))
        return await this.#findPort(wanted, observed, (error as Error).message, signal);
      const what = `${wanted.type.kind} ${wanted.object.metadata.name}`;
      if (error instanceof ContestedError)
        return this.#refused(step, wanted, observed, { reason: 'Contested', message: error.message });
      const refusal = refusalOf(error, what);
      if (refusal === undefined) throw error;
      this.#refusals.note(tenant, wanted.object, refusal, nowMs);
      return this.#refused(step, wanted, observed, refusal);
    }
  }

  async remove(step: Step, { type, key }: Unwanted, observed: Observed, signal: AbortSignal): Promise<Granted> {
    const slot = slotOf(observed, type.kind, key.name);
    if (observed[slot] === undefined) return { observed };
    try {
      await this.#deps.client.delete(type as ResourceType<AnyObject>, key, { propagationPolicy: 'Background', signal });
      this.#deps.events.event(observed.cluster, 'Normal', 'Removed', `Removed ${type.kind} ${key.name}`);
    } catch (error) {
      const refusal = isNotFound(error) ? undefined : refusalOf(error, `deleting ${type.kind} ${key.name}`);
      if (refusal !== undefined) return { observed, fault: { condition: step.condition, kind: type.kind, ...refusal } };
      if (!isNotFound(error)) throw error;
    }
    return { observed: { ...observed, [slot]: undefined } };
  }

  #optionsOf(wanted: Wanted, observed: Observed): ApplyOptions {
    const { cluster, nowMs } = observed;
    const what = `${wanted.type.kind} ${wanted.object.metadata.name}`;
    return {
      owner: outlives(observed, wanted) ? undefined : cluster,
      tenant: toKeyText(keyOf(cluster)),
      answers: this.#answers,
      repairs: this.#repairs,
      nowMs,
      removed: (intrusions) => {
        const list = intrusions.map(({ text, manager }) => `${text} (${manager})`).join(', ');
        this.#deps.events.event(cluster, 'Warning', 'Repaired', `Removed what others had added to ${what}: ${list}`);
      },
    };
  }

  #tell(cluster: VirtualCluster, wanted: Wanted, present: AnyObject | undefined, object: AnyObject): void {
    const what = `${wanted.type.kind} ${wanted.object.metadata.name}`;
    const { events } = this.#deps;
    if (present === undefined) events.event(cluster, 'Normal', 'Created', `Created ${what}`);
    else if (object.metadata.resourceVersion !== present.metadata.resourceVersion)
      events.event(cluster, 'Normal', 'Updated', `Updated ${what}`);
  }

  /** What is there already serves on as it is. */
  #refused({ condition }: Step, wanted: Wanted, observed: Observed, refusal: Refusal): Granted {
    const { type } = wanted;
    const isThere = presentOf(observed, wanted) !== undefined;
    const fault: Fault = { condition, kind: type.kind, ...refusal };
    const goesOn =
      isThere ||
      dispensable.includes(type.kind) ||
      (protective.includes(type.kind) && observed.deployment !== undefined);
    return goesOn ? { observed, fault } : { observed, halted: fault };
  }

  /** Tries the tenant's next ports after the first one turned out to be taken. */
  async #findPort(wanted: Wanted, observed: Observed, message: string, signal: AbortSignal): Promise<Granted> {
    const { spec, cluster } = observed;
    const halt = (reason: string, text: string): Granted => ({
      observed,
      halted: { condition: 'EndpointReachable', reason, message: text },
    });
    if (spec.exposure.port !== undefined)
      return halt(
        'PortTaken',
        `spec.exposure.nodePort.port ${spec.exposure.port} belongs to another Service: choose another one, or leave it empty`,
      );
    for (let attempt = 1; attempt < PORT_ATTEMPTS; attempt++) {
      const outcome = planService(observed, attempt);
      const next = outcome.kind === 'want' ? outcome.objects[0] : undefined;
      if (next === undefined) break;
      try {
        const options = this.#optionsOf(wanted, observed);
        const object = await applyWanted(this.#deps.client, next, undefined, options, signal);
        this.#tell(cluster, next, undefined, object);
        return { observed: withObject(observed, next, object) };
      } catch (error) {
        if (!isInvalid(error)) throw error;
      }
    }
    return halt('NoFreePort', `no free port after ${PORT_ATTEMPTS} attempts: ${message}`);
  }
}

function isTaken(error: unknown): boolean {
  return isInvalid(error) && /port is already allocated/.test((error as Error).message);
}
