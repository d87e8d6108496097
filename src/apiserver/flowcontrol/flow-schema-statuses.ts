import type { Client } from '../../client/client.ts';
import type {
  FlowSchema,
  FlowSchemaCondition,
  PriorityLevelConfiguration,
} from '../../generated/api/flowcontrol/v1.ts';
import { flowschemas, prioritylevelconfigurations } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, type ResourceType, toApiVersion } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';

/** Source of all: apiserver `pkg/util/flowcontrol/apf_controller.go` (presyncFlowSchemaStatus, apply). */

const FIELD_MANAGER = 'api-priority-and-fairness-config-consumer-v1';
const RETRY_MS = 1000;

type Wanted = Required<Pick<FlowSchemaCondition, 'type' | 'status' | 'reason' | 'message'>>;

/** What is to be said of a schema; undefined where it is said already. */
export function planCondition(schema: FlowSchema, levels: ReadonlySet<string>): Wanted | undefined {
  const { name = '' } = schema.spec.priorityLevelConfiguration ?? {};
  const isThere = levels.has(name);
  const what = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  const wanted = {
    type: 'Dangling',
    status: isThere ? 'False' : 'True',
    reason: isThere ? 'Found' : 'NotFound',
    message: isThere ? `${what} and it exists` : `${what} but there is no such object`,
  };
  const said = schema.status?.conditions?.find(({ type }) => type === wanted.type);
  const isSaid = said?.status === wanted.status && said.reason === wanted.reason && said.message === wanted.message;
  return isSaid ? undefined : wanted;
}

export interface FlowSchemaStatusesDeps {
  readonly client: Client;
  readonly feed: ObjectFeed;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Says of each flow schema whether its priority level exists. */
export class FlowSchemaStatuses {
  readonly #deps: FlowSchemaStatusesDeps;
  readonly #schemas = new Map<string, FlowSchema>();
  readonly #levels = new Set<string>();
  #isWorking = false;
  #isStarted = false;

  constructor(deps: FlowSchemaStatusesDeps) {
    this.#deps = deps;
  }

  /** Follows schemas and levels until aborted. Resolves once those that are there are known. */
  async start(signal: AbortSignal): Promise<void> {
    const { feed } = this.#deps;
    const levelType = prioritylevelconfigurations as ResourceType<PriorityLevelConfiguration & KubeObject>;
    const subscriptions = await Promise.all([
      feed.follow(levelType, ({ change, object }) => {
        const { name = '' } = object.metadata;
        if (change === 'gone') this.#levels.delete(name);
        else this.#levels.add(name);
        this.#wake(signal);
      }),
      feed.follow(flowschemas as ResourceType<FlowSchema & KubeObject>, ({ change, object }) => {
        const { name = '' } = object.metadata;
        if (change === 'gone') this.#schemas.delete(name);
        else this.#schemas.set(name, object);
        this.#wake(signal);
      }),
    ]);
    const close = (): void => {
      for (const subscription of subscriptions) subscription.close();
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    this.#isStarted = true;
    this.#wake(signal);
  }

  /** Before all levels are known, no schema dangles. */
  #wake(signal: AbortSignal): void {
    if (this.#isWorking || !this.#isStarted || signal.aborted) return;
    this.#isWorking = true;
    void this.#work(signal).then((isDone) => {
      this.#isWorking = false;
      if (!isDone) this.#deps.clock.after(RETRY_MS, () => this.#wake(signal));
    });
  }

  /** Looks again after each write until all is said. @returns false where something has to wait. */
  async #work(signal: AbortSignal): Promise<boolean> {
    const failed = new Set<string>();
    for (let next = this.#next(failed); next !== undefined && !signal.aborted; next = this.#next(failed)) {
      const { name, wanted } = next;
      try {
        // Its own answer stands for what the feed will tell.
        const written = await this.#apply(name, wanted);
        if (this.#schemas.has(name)) this.#schemas.set(name, written);
      } catch (error) {
        failed.add(name);
        if (!isNotFound(error) && !signal.aborted)
          this.#deps.logger.warn('the status of a flow schema has to wait', { name, error });
      }
    }
    return failed.size === 0;
  }

  #next(failed: ReadonlySet<string>): { readonly name: string; readonly wanted: Wanted } | undefined {
    for (const [name, schema] of this.#schemas) {
      if (failed.has(name)) continue;
      const wanted = planCondition(schema, this.#levels);
      if (wanted !== undefined) return { name, wanted };
    }
    return undefined;
  }

  #apply(name: string, wanted: Wanted): Promise<FlowSchema & KubeObject> {
    const { client, clock } = this.#deps;
    const type = flowschemas as ResourceType<FlowSchema & KubeObject>;
    const condition = { ...wanted, lastTransitionTime: toTimeText(clock.nowMs()) };
    const patch = {
      apiVersion: toApiVersion(type),
      kind: type.kind,
      metadata: { name },
      status: { conditions: [condition] },
    };
    return client.patch(type, { name }, patch, {
      type: 'apply',
      force: true,
      fieldManager: FIELD_MANAGER,
      subresource: 'status',
    });
  }
}
