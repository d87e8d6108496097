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
  #isDirty = false;
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
    this.#isDirty = true;
    if (!this.#isWorking && this.#isStarted) void this.#work(signal);
  }

  async #work(signal: AbortSignal): Promise<void> {
    this.#isWorking = true;
    let waits = false;
    while (this.#isDirty && !signal.aborted) {
      this.#isDirty = false;
      for (const name of [...this.#schemas.keys()]) if (!(await this.#say(name, signal))) waits = true;
    }
    this.#isWorking = false;
    if (waits && !signal.aborted) this.#deps.clock.after(RETRY_MS, () => this.#wake(signal));
  }

  /** @returns false where it has to wait. What was written comes back through the feed. */
  async #say(name: string, signal: AbortSignal): Promise<boolean> {
    const schema = this.#schemas.get(name);
    const wanted = schema === undefined ? undefined : planCondition(schema, this.#levels);
    if (wanted === undefined || signal.aborted) return true;
    try {
      await this.#apply(name, wanted);
      return true;
    } catch (error) {
      if (!isNotFound(error) && !signal.aborted)
        this.#deps.logger.warn('the status of a flow schema has to wait', { name, error });
      return false;
    }
  }

  async #apply(name: string, wanted: Wanted): Promise<void> {
    const { client, clock } = this.#deps;
    const type = flowschemas as ResourceType<FlowSchema & KubeObject>;
    const condition = { ...wanted, lastTransitionTime: toTimeText(clock.nowMs()) };
    const patch = {
      apiVersion: toApiVersion(type),
      kind: type.kind,
      metadata: { name },
      status: { conditions: [condition] },
    };
    await client.patch(type, { name }, patch, {
      type: 'apply',
      force: true,
      fieldManager: FIELD_MANAGER,
      subresource: 'status',
    });
  }
}
