import { randomUUID } from 'node:crypto';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../../telemetry/metrics/value-family.ts';
import type { Answer, AuditTrail, AuthenticatedCall, Call, User, WireAnswer } from '../call.ts';
import { type AuditEvent, startEvent } from './audit-event.ts';
import type { AuditPolicy, AuditStage } from './audit-policy.ts';
import { type AuditConfig, evaluateAudit } from './audit-rules.ts';
import { withoutManagedFields } from './managed-fields.ts';
import { toResponseText } from './response-text.ts';

/** Takes finished events; must not wait. Throws where it cannot keep one. */
export interface AuditSink {
  write(event: AuditEvent): void;
}

export interface AuditorOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly registry: MetricsRegistry;
}

/** Patches of webhooks are told from level Request on. Source: `plugin/webhook/mutating/dispatcher.go`. */
const PATCH_NOTES = 'patch.webhook.admission.k8s.io/';

/** Tells of requests as a policy wants it. Source: apiserver `pkg/endpoints/filters/audit.go`. */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #families: Families;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#families = familiesOf(options.registry);
  }

  /** A request has come, and it is known who sends it. */
  begin(call: AuthenticatedCall): void {
    const record = this.#open(call, call.user);
    record?.tell('RequestReceived');
  }

  /** A request is refused since nobody knows who sends it: its answer alone is told. */
  refuse(call: Call): void {
    const record = this.#open(call, undefined);
    if (record !== undefined) record.endsWith = 'ResponseStarted';
  }

  #open(call: Call, user: User | undefined): AuditRecord | undefined {
    const { policy } = this.#options;
    const config = evaluateAudit(policy, user, call.info);
    const { levels } = this.#families;
    levels.add(levels.series(config.level));
    if (config.level === 'None' || call.trace === undefined) return undefined;
    const auditID = call.header('audit-id') || randomUUID();
    const event = startEvent(call, user, config.level, auditID);
    const record = new AuditRecord(event, config, call.annotations, this.#options, this.#families);
    if (call.answerHeaders !== undefined) call.answerHeaders['Audit-Id'] = auditID;
    call.trace.audit = record;
    return record;
  }
}

/** What is told of one request. */
class AuditRecord implements AuditTrail {
  readonly #event: AuditEvent;
  readonly #config: AuditConfig;
  readonly #annotations: ReadonlyMap<string, string>;
  readonly #options: AuditorOptions;
  readonly #families: Families;
  /** The stage that tells of the answer, where that is no stream. */
  endsWith: AuditStage = 'ResponseComplete';

  constructor(
    event: AuditEvent,
    config: AuditConfig,
    annotations: ReadonlyMap<string, string>,
    options: AuditorOptions,
    families: Families,
  ) {
    this.#event = event;
    this.#config = config;
    this.#annotations = annotations;
    this.#options = options;
    this.#families = families;
  }

  requestObject(object: AnyObject): void {
    const { metadata } = object as Partial<AnyObject>;
    const reference = this.#event.objectRef;
    if (reference !== undefined && metadata !== undefined) {
      reference.namespace ||= metadata.namespace ?? '';
      reference.name ||= metadata.name ?? '';
      reference.uid ||= metadata.uid ?? '';
      reference.resourceVersion ||= metadata.resourceVersion ?? '';
    }
    if (this.#event.level === 'Metadata') return;
    this.#event.requestObject = JSON.stringify(this.#config.omitManagedFields ? withoutManagedFields(object) : object);
  }

  requestPatch(patch: Buffer | string): void {
    if (this.#event.level === 'Metadata') return;
    const text = patch.toString().trim();
    // What is no JSON could not stand in the event.
    if (isJson(text)) this.#event.requestObject = text;
  }

  impersonated(user: User, constraint: string): void {
    this.#event.impersonated = { user, constraint };
  }

  /** A stream begins. */
  started(answer: Answer, code: number): void {
    this.#answer(answer, undefined, code);
    this.tell('ResponseStarted');
  }

  /** The answer is there; of a stream, its end. */
  ended(answer: Answer, wire: WireAnswer | undefined, code: number): void {
    this.#answer(answer, wire, code);
    this.tell(this.endsWith);
  }

  panicked(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#event.responseStatus = {
      metadata: {},
      status: 'Failure',
      message: `APIServer panic'd: ${why}`,
      reason: 'InternalError',
      code: 500,
    };
    this.tell('Panic');
  }

  /** Source: apiserver `pkg/audit/context.go` (ProcessEventStage). */
  tell(stage: AuditStage): void {
    if (this.#config.omitStages.includes(stage)) return;
    const { sink, clock } = this.#options;
    const event = this.#event;
    event.stage = stage;
    event.stageMs = stage === 'RequestReceived' ? event.receivedMs : clock.nowMs();
    if (stage !== 'RequestReceived') event.annotations = this.#notes();
    this.#families.events.add(0);
    try {
      sink.write(event);
    } catch {
      // As upstream in its mode `blocking`: requests go on, and the failure is counted.
      this.#families.errors.add(this.#families.errors.series('log'));
    }
  }

  #answer(answer: Answer, wire: WireAnswer | undefined, code: number): void {
    const event = this.#event;
    const object = answer.kind === 'object' && answer.item.json === undefined ? answer.item.object : undefined;
    const status = object?.kind === 'Status' ? (object as unknown as Readonly<Record<string, unknown>>) : undefined;
    event.responseStatus = { metadata: {}, ...pick(status), code };
    if (event.level !== 'RequestResponse' || wire === undefined) return;
    event.responseObject = toResponseText(answer, wire, this.#config);
  }

  #notes(): Record<string, string> {
    const isPlain = this.#event.level === 'Metadata';
    const notes = [...this.#annotations].filter(([key]) => !isPlain || !key.startsWith(PATCH_NOTES));
    return Object.fromEntries(notes.sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

/** What of a Status is told at any level. */
function pick(status: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  if (status === undefined) return {};
  const fields = ['status', 'message', 'reason', 'details'].map((name) => [name, status[name]] as const);
  return Object.fromEntries(
    fields.filter(([name, value]) => value !== undefined && value !== '' && !isBlank(name, value)),
  );
}

function isBlank(name: string, value: unknown): boolean {
  return name === 'details' && Object.keys(value as object).length === 0;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

interface Families {
  readonly events: ValueFamily;
  readonly errors: ValueFamily;
  readonly levels: ValueFamily;
}

/** Source: apiserver `pkg/audit/metrics.go`. */
function familiesOf(registry: MetricsRegistry): Families {
  registry.counter({
    name: 'apiserver_audit_requests_rejected_total',
    help: 'Requests refused since they could not be told of.',
    stability: 'ALPHA',
  });
  return {
    events: registry.counter({ name: 'apiserver_audit_event_total', help: 'Audit events.', stability: 'ALPHA' }),
    errors: registry.counter({
      name: 'apiserver_audit_error_total',
      help: 'Audit events that could not be kept.',
      stability: 'ALPHA',
      labels: ['plugin'],
    }),
    levels: registry.counter({
      name: 'apiserver_audit_level_total',
      help: 'Requests by the level at which they are told of.',
      stability: 'ALPHA',
      labels: ['level'],
    }),
  };
}
