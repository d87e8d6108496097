import type {
  FlowSchema,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../../generated/api/flowcontrol/v1.ts';
import { flowschemas, prioritylevelconfigurations } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../resources/flowcontrol/mandatory-objects.ts';
import type { Clock } from '../../std/clock.ts';
import { closeAll, type ObjectFeed } from '../authz/object-feed.ts';
import type { AnswerHeaders, User } from '../call.ts';
import { DroppedRequests } from './dropped-requests.ts';
import { compileFlowSchema, type FlowAttributes, type FlowMatcher } from './flow-schema-matcher.ts';
import { type Seat, type SeatLimits, SeatPool, type SeatRequest } from './seat-pool.ts';

/** Source of all: apiserver `pkg/util/flowcontrol/apf_controller.go`. */

/** As upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight` together. */
const DEFAULT_SEATS = 400 + 200;
const CATCH_ALL = 'catch-all';

/** How requests of one flow schema are treated. */
export interface FlowClass {
  readonly schema: string;
  readonly level: string;
  readonly isExempt: boolean;
  /** Which schema and which level, by UID; empty for mandatory ones that nobody has written yet. */
  readonly headers: AnswerHeaders;
  readonly distinguisher: 'ByUser' | 'ByNamespace' | undefined;
}

interface CompiledClass extends FlowClass {
  readonly matches: FlowMatcher;
}

export interface FlowControlDeps {
  readonly feed: ObjectFeed;
  readonly clock: Clock;
  /** Requests that the server works on at a time. Default 600. */
  readonly seats?: number | undefined;
}

/** Sorts requests by the flow schemas and gives them the seats of their priority levels. */
export class FlowControl {
  readonly #feed: ObjectFeed;
  readonly #schemas = new Map<string, FlowSchema>();
  readonly #levels = new Map<string, PriorityLevelConfiguration>();
  readonly #pool: SeatPool;
  readonly #dropped: DroppedRequests;
  #classes: readonly CompiledClass[] | undefined;

  constructor({ feed, clock, seats = DEFAULT_SEATS }: FlowControlDeps) {
    const nowMs = (): number => clock.nowMs();
    this.#feed = feed;
    this.#pool = new SeatPool({ seats, nowMs, after: (delayMs, run) => clock.after(delayMs, run) });
    this.#dropped = new DroppedRequests(nowMs);
  }

  /** Follows schemas and levels until aborted. Resolves once those that are there are known. */
  async start(signal: AbortSignal): Promise<void> {
    const subscriptions = closeAll(
      await Promise.all([
        this.#follow(
          prioritylevelconfigurations as ResourceType<PriorityLevelConfiguration & KubeObject>,
          this.#levels,
        ),
        this.#follow(flowschemas as ResourceType<FlowSchema & KubeObject>, this.#schemas),
      ]),
    );
    if (signal.aborted) subscriptions.close();
    else signal.addEventListener('abort', () => subscriptions.close(), { once: true });
  }

  #follow<T extends FlowSchema | PriorityLevelConfiguration>(
    type: ResourceType<T & KubeObject>,
    objects: Map<string, T>,
  ): Promise<{ close(): void }> {
    return this.#feed.follow(type, ({ change, object }) => {
      const { name = '' } = object.metadata;
      const known = objects.get(name);
      if (change === 'gone') objects.delete(name);
      else objects.set(name, object);
      // Conditions are written often, and change nothing.
      const isSame =
        known?.metadata.uid === object.metadata.uid && known?.metadata.generation === object.metadata.generation;
      if (change === 'gone' || !isSame) this.#classes = undefined;
    });
  }

  classify(user: User, request: FlowAttributes): FlowClass {
    this.#classes ??= this.#compile();
    for (const each of this.#classes) if (each.matches(user, request)) return each;
    const last = this.#classes.findLast(({ schema }) => schema === CATCH_ALL);
    if (last === undefined) throw new Error('there is no flow schema for what none matches');
    return last;
  }

  /** @see SeatPool.take */
  take(level: string, request: SeatRequest): Seat | Promise<Seat | undefined> | undefined {
    return this.#pool.take(level, request);
  }

  /** @see SeatPool.limits */
  limits(): ReadonlyMap<string, SeatLimits> {
    this.#classes ??= this.#compile();
    return this.#pool.limits();
  }

  /** Counts a refused request. @returns seconds until the client should try again */
  refuse(level: string): number {
    return this.#dropped.record(level);
  }

  /** Schemas without a level count for nothing; mandatory ones are there even while they are not written. */
  #compile(): readonly CompiledClass[] {
    const levels = new Map(Object.entries(mandatoryPriorityLevels));
    for (const [name, { spec }] of this.#levels) if (spec !== undefined) levels.set(name, spec);
    this.#pool.configure(levels);
    const stored = [...this.#schemas.values()]
      .filter((schema) => this.#levels.has(levelOf(schema.spec)))
      .sort(byPrecedence)
      .map(({ metadata, spec }) => this.#compileOne(metadata.name ?? '', metadata.uid, spec, levels));
    const missing = Object.entries(mandatoryFlowSchemas)
      .filter(([name]) => !stored.some(({ schema }) => schema === name))
      .map(([name, spec]) => this.#compileOne(name, undefined, spec, levels));
    const first = missing.filter(({ schema }) => schema !== CATCH_ALL);
    const last = missing.filter(({ schema }) => schema === CATCH_ALL);
    return [...first, ...stored, ...last];
  }

  #compileOne(
    schema: string,
    uid: string | undefined,
    spec: FlowSchema['spec'],
    levels: ReadonlyMap<string, PriorityLevelConfigurationSpec>,
  ): CompiledClass {
    const level = levelOf(spec);
    const type = spec.distinguisherMethod?.type;
    return {
      schema,
      level,
      isExempt: levels.get(level)?.type === 'Exempt',
      headers: {
        'X-Kubernetes-Pf-Flowschema-Uid': uid ?? '',
        'X-Kubernetes-Pf-Prioritylevel-Uid': this.#levels.get(level)?.metadata.uid ?? '',
      },
      distinguisher: type === 'ByUser' || type === 'ByNamespace' ? type : undefined,
      matches: compileFlowSchema(spec),
    };
  }
}

function levelOf(spec: FlowSchema['spec']): string {
  return spec.priorityLevelConfiguration?.name ?? '';
}

/** Source: apiserver `pkg/util/apihelpers` (FlowSchemaSequence). */
function byPrecedence(one: FlowSchema, other: FlowSchema): number {
  const first = one.spec.matchingPrecedence ?? 0;
  const second = other.spec.matchingPrecedence ?? 0;
  if (first !== second) return first - second;
  return (one.metadata.name ?? '') < (other.metadata.name ?? '') ? -1 : 1;
}
