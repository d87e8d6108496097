import { createHash } from 'node:crypto';
import { StatusError } from '../machinery/errors/status-error.ts';
import type { AnyObject } from '../machinery/object/object.ts';

/** Why the host does not take an object as it is wished, and what helps. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** How long a wish that was refused rests, by how often it was in a row: what helps is mostly done by hand. */
const PAUSES_MS = [5_000, 10_000, 20_000, 30_000];
/** A message for a condition, not a log. */
const MAX_MESSAGE = 600;

/**
 * By what hosts say. Sources: plugin/pkg/admission/{resourcequota,limitranger,storage/persistentvolume/resize},
 * staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters (rights) and pkg/admission/plugin/webhook (denials).
 */
const known: readonly (readonly [said: RegExp, reason: string, help: string])[] = [
  [/exceeded quota: /, 'HostQuotaExceeded', 'raise the ResourceQuota of the namespace, or ask for less'],
  [/is being terminated|^namespaces "[^"]*" not found/, 'NamespaceTerminating', 'the namespace is being deleted'],
  [
    /: User "[^"]*" cannot \w+ resource /,
    'NotPermitted',
    'the operator lacks this right: install its chart with rbac.create=true, or grant it',
  ],
  [
    /denied the request|denied request: /,
    'DeniedByAdmission',
    'a rule of the host cluster is against it: ask who runs the cluster for an exception',
  ],
  [
    /failed calling webhook|failed to call webhook/,
    'WebhookUnavailable',
    'mend that webhook of the host cluster, or set its failurePolicy to Ignore',
  ],
  [
    /only dynamically provisioned pvc can be resized/,
    'VolumeNotResizable',
    'the storage class lacks allowVolumeExpansion: set it there, or take the size back',
  ],
  [/field can not be less than/, 'VolumeNotShrinkable', 'volumes never shrink: take the size back'],
  [/port is already allocated/, 'PortTaken', 'another Service has that port: choose another one'],
  [
    /not in the valid range/,
    'PortOutOfRange',
    "the port must lie within the host's --service-node-port-range: choose another one, or set the chart's nodePorts",
  ],
  [
    /(?:maximum|minimum) [\w-]+ usage per|max limit to request ratio/,
    'LimitRangeViolated',
    'ask for what the LimitRange of the namespace allows, or change it',
  ],
  [/could not find the requested resource/, 'KindMissing', 'the host cluster does not know this kind: install it'],
];

/** What the error says of the wish; undefined where it says nothing of it: a race, much load, an outage. */
export function refusalOf(error: unknown, what: string): Refusal | undefined {
  if (!(error instanceof StatusError)) return undefined;
  const { code, message } = error;
  const found = known.find(([said]) => said.test(message));
  const passes = code === 401 || code === 409 || code === 429 || code < 400 || code >= 500;
  if (passes && (found === undefined || code < 500)) return undefined;
  const [, reason, help] = found ?? [undefined, 'RefusedByHost', undefined];
  const said = message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE)}…`;
  return { reason, message: `${what}: ${said}${help === undefined ? '' : `; ${help}`}` };
}

interface Known {
  readonly refusal: Refusal;
  readonly wish: string;
  readonly times: number;
  readonly untilMs: number;
}

/** What hosts have refused a moment ago: to wish the very same again at once would only be asked in vain. */
export class Refusals {
  readonly #known = new Map<string, Map<string, Known>>();

  /** The refusal that still stands; undefined where the wish may be tried. */
  standing(tenant: string, wish: AnyObject, nowMs: number): Refusal | undefined {
    const found = this.#known.get(tenant)?.get(idOf(wish));
    if (found === undefined || nowMs >= found.untilMs || found.wish !== hashOf(wish)) return undefined;
    return found.refusal;
  }

  note(tenant: string, wish: AnyObject, refusal: Refusal, nowMs: number): void {
    const own = this.#known.get(tenant) ?? new Map<string, Known>();
    const hash = hashOf(wish);
    const before = own.get(idOf(wish));
    const times = before?.wish === hash ? before.times + 1 : 1;
    const pauseMs = PAUSES_MS[Math.min(times, PAUSES_MS.length) - 1] ?? 0;
    this.#known.set(tenant, own.set(idOf(wish), { refusal, wish: hash, times, untilMs: nowMs + pauseMs }));
  }

  /** The host has taken it. */
  clear(tenant: string, wish: AnyObject): void {
    this.#known.get(tenant)?.delete(idOf(wish));
  }

  forget(tenant: string): void {
    this.#known.delete(tenant);
  }
}

const idOf = ({ kind, metadata: { name } }: AnyObject): string => `${kind}/${name}`;
const hashOf = (wish: AnyObject): string => createHash('sha256').update(JSON.stringify(wish)).digest('hex');
