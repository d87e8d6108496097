import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { AdmissionAttempt, AdmissionChain } from '../admission/admission.ts';
import type { AuthenticatedCall, Handler } from '../call.ts';
import { addWarning } from '../verbs/scope.ts';

type FieldKind = 'text' | 'flag' | 'texts' | 'numbers';

/** Kinds of the options of connections, with the parameters that they are read from. Source: `pkg/apis/core/types.go`. */
const optionKinds: Readonly<Record<string, { readonly kind: string; readonly fields: Record<string, FieldKind> }>> = {
  'pods/exec': {
    kind: 'PodExecOptions',
    fields: { stdin: 'flag', stdout: 'flag', stderr: 'flag', tty: 'flag', container: 'text', command: 'texts' },
  },
  'pods/attach': {
    kind: 'PodAttachOptions',
    fields: { stdin: 'flag', stdout: 'flag', stderr: 'flag', tty: 'flag', container: 'text' },
  },
  'pods/portforward': { kind: 'PodPortForwardOptions', fields: { ports: 'numbers' } },
  'pods/proxy': { kind: 'PodProxyOptions', fields: {} },
  'services/proxy': { kind: 'ServiceProxyOptions', fields: {} },
  'nodes/proxy': { kind: 'NodeProxyOptions', fields: {} },
};

/**
 * Asks admission before a connection is made. Logs are read, not connected to, and nobody is asked.
 * Source: apiserver `endpoints/handlers/rest.go` (ConnectResource).
 */
export function withConnectAdmission(
  handler: Handler<AuthenticatedCall>,
  { definition, subresource }: { readonly definition: ResourceDefinition; readonly subresource: string },
  admission: AdmissionChain,
): Handler<AuthenticatedCall> {
  const options = optionKinds[`${definition.plural}/${subresource}`];
  if (options === undefined) return handler;
  return async (call) => {
    const attempt = toConnectAttempt(call, { definition, subresource, ...options });
    await admission.mutate(attempt);
    await admission.validate(attempt);
    return await handler(call);
  };
}

function toConnectAttempt(
  call: AuthenticatedCall,
  target: {
    readonly definition: ResourceDefinition;
    readonly subresource: string;
    readonly kind: string;
    readonly fields: Readonly<Record<string, FieldKind>>;
  },
): AdmissionAttempt {
  const { definition, subresource, kind, fields } = target;
  const object: Record<string, unknown> = { kind, apiVersion: 'v1' };
  for (const [name, type] of Object.entries(fields)) {
    const value = read(call.query, name, type);
    if (value !== undefined) object[name] = value;
  }
  if (subresource === 'proxy') {
    const tail = call.info.parts.slice(3).join('/');
    if (tail !== '') object['path'] = tail;
  }
  return {
    operation: 'CONNECT',
    verb: call.info.verb,
    group: definition.group,
    version: definition.version,
    resource: definition.plural,
    subresource,
    kind: { group: '', version: 'v1', kind },
    namespace: call.info.namespace,
    name: call.info.name,
    user: call.user,
    dryRun: false,
    // Options have no metadata.
    object: object as unknown as AnyObject,
    previous: undefined,
    signal: call.signal,
    warn: (text) => addWarning(call, text),
    annotate: (key, value) => void call.annotations.set(key, value),
  };
}

function read(query: URLSearchParams, name: string, type: FieldKind): unknown {
  const values = query.getAll(name);
  const [first = ''] = values;
  switch (type) {
    case 'text':
      return first || undefined;
    case 'flag':
      return values.length > 0 && first !== '0' && first.toLowerCase() !== 'false' ? true : undefined;
    case 'texts':
      return values.length === 0 ? undefined : values;
    default:
      return values.length === 0 ? undefined : values.flatMap((value) => value.split(',')).map(Number);
  }
}
