import { badRequest, type StatusError } from '../../machinery/errors/status-error.ts';
import { dns1123LabelFaults, dns1123SubdomainFaults } from '../../machinery/values/names.ts';
import type { Answer, AuthenticatedCall, AuthorizationAttributes, Authorizer, Call, Handler, User } from '../call.ts';
import { withUser } from './authentication.ts';
import { accessDenied } from './authorization.ts';

/**
 * Lets a caller act as somebody else, where it may. Ways are tried from the narrowest right to the widest: as a node
 * that the caller runs on, as any node, as a service account, as a user, and at last the old right that knows no
 * limits. Source: apiserver `pkg/endpoints/filters/impersonation` (constrained impersonation).
 */
export function withImpersonation(
  authorizer: Authorizer,
  next: Handler<AuthenticatedCall>,
): Handler<AuthenticatedCall> {
  // The way that worked last for a caller is tried first: its refusal is then the one that the caller hears of.
  const lastWays = new Map<string, Way>();
  return async (call): Promise<Answer> => {
    const wanted = readWanted(call);
    if (wanted === undefined) return next(call);
    const known = lastWays.get(call.user.name);
    const order = known === undefined ? ways : [known, ...ways.filter((way) => way !== known)];
    let refusal: StatusError | undefined;
    for (const way of order) {
      if (!way.fits(wanted, call.user)) continue;
      const outcome = await way.tryAs(wanted, call, authorizer);
      if ('refusal' in outcome) {
        refusal ??= outcome.refusal;
        continue;
      }
      if (lastWays.size >= 1024) lastWays.clear();
      lastWays.set(call.user.name, way);
      call.trace?.audit?.impersonated(outcome.user, outcome.constraint);
      return next(withUser(call, outcome.user, call.user));
    }
    throw refusal ?? accessDenied(call.user, call.info, 'all impersonation modes failed');
  };
}

/** What the headers ask for; undefined where they ask for nothing. */
function readWanted(call: Call): User | undefined {
  const headers = headersOf(call);
  const name = headers.get('impersonate-user')?.[0] ?? '';
  const uid = headers.get('impersonate-uid')?.[0] ?? '';
  const groups = headers.get('impersonate-group') ?? [];
  const extra: Record<string, string[]> = {};
  for (const [header, values] of headers) {
    if (!header.startsWith('impersonate-extra-')) continue;
    const key = unescapeKey(header.slice('impersonate-extra-'.length));
    extra[key] = [...(extra[key] ?? []), ...values];
  }
  const asked = uid !== '' || groups.length > 0 || Object.keys(extra).length > 0;
  if (name !== '')
    return { name, groups, ...(uid === '' ? {} : { uid }), ...(Object.keys(extra).length === 0 ? {} : { extra }) };
  if (!asked) return undefined;
  throw badRequest(`requested ${toGoUser(uid, groups, extra)} without impersonating a user name`);
}

function headersOf(call: Call): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  const add = (name: string, value: string): void => {
    if (!name.startsWith('impersonate-')) return;
    headers.set(name, [...(headers.get(name) ?? []), value]);
  };
  const raw = call.rawHeaders ?? call.raw?.request.rawHeaders;
  for (let index = 0; raw !== undefined && index + 1 < raw.length; index += 2) {
    add((raw[index] ?? '').toLowerCase(), raw[index + 1] ?? '');
  }
  return headers;
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** Go's `%#v` of the wanted user, which upstream puts into its message. */
function toGoUser(uid: string, groups: readonly string[], extra: Readonly<Record<string, readonly string[]>>): string {
  const list = (values: readonly string[]): string =>
    `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
  const entries = Object.keys(extra)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${list(extra[key] ?? [])}`);
  const groupText = groups.length === 0 ? '[]string(nil)' : list(groups);
  const extraText = entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries.join(', ')}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${groupText}, Extra:${extraText}}`;
}

/** With the right that allowed it, where it is one of the narrow ones. */
type Outcome = { readonly user: User; readonly constraint: string } | { readonly refusal: StatusError };

interface Way {
  fits(wanted: User, requestor: User): boolean;
  tryAs(wanted: User, call: AuthenticatedCall, authorizer: Authorizer): Promise<Outcome>;
}

/** A way with a right of its own: one for the target, and one for each kind of action as that target. */
function constrained(mode: string, fits: Way['fits']): Way {
  return {
    fits,
    async tryAs(wanted, call, authorizer) {
      const requestor = mode === 'associated-node' ? withNodeKeysOnly(call.user) : call.user;
      const acting = { ...call.info, verb: `impersonate-on:${mode}:${call.info.verb}` };
      const refusal = await ask(authorizer, requestor, acting, call);
      if (refusal !== undefined) return { refusal };
      const anyName = mode === 'associated-node';
      return become(wanted, requestor, call, authorizer, { verb: `impersonate:${mode}`, constrained: true, anyName });
    },
  };
}

const onlyName = (wanted: User): boolean =>
  wanted.uid === undefined && wanted.groups.length === 0 && wanted.extra === undefined;

const ways: readonly Way[] = [
  constrained('associated-node', (wanted, requestor) => onlyName(wanted) && runsOn(requestor, wanted.name)),
  constrained('arbitrary-node', (wanted) => onlyName(wanted) && nodeNameOf(wanted.name) !== undefined),
  constrained('serviceaccount', (wanted) => onlyName(wanted) && serviceAccountOf(wanted.name) !== undefined),
  constrained(
    'user-info',
    (wanted) => nodeNameOf(wanted.name) === undefined && serviceAccountOf(wanted.name) === undefined,
  ),
  {
    fits: () => true,
    tryAs: (wanted, call, authorizer) =>
      become(wanted, call.user, call, authorizer, { verb: 'impersonate', constrained: false, anyName: false }),
  },
];

/** Only the keys of the caller's extra count, so that the answer holds for all pods of a node's caller. */
function withNodeKeysOnly(user: User): User {
  const keys = Object.keys(user.extra ?? {}).sort();
  return { ...user, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } };
}

function runsOn(requestor: User, wantedName: string): boolean {
  const node = nodeNameOf(wantedName);
  if (node === undefined || serviceAccountOf(requestor.name) === undefined) return false;
  const names = requestor.extra?.['authentication.kubernetes.io/node-name'] ?? [];
  return names.length === 1 && names[0] === node;
}

interface Terms {
  readonly verb: string;
  readonly constrained: boolean;
  /** The right must hold for every node name. */
  readonly anyName: boolean;
}

/** Asks for every piece of the wanted identity, and completes its groups. */
async function become(
  wanted: User,
  requestor: User,
  call: AuthenticatedCall,
  authorizer: Authorizer,
  terms: Terms,
): Promise<Outcome> {
  for (const piece of piecesOf(wanted, terms)) {
    const refusal = await ask(authorizer, requestor, piece, call);
    if (refusal !== undefined) return { refusal };
  }
  return { user: { ...wanted, groups: groupsOf(wanted, terms) }, constraint: terms.constrained ? terms.verb : '' };
}

function* piecesOf(wanted: User, terms: Terms): Generator<AuthorizationAttributes> {
  const core = terms.constrained ? 'authentication.k8s.io' : '';
  const piece = (group: string, resource: string, name: string, more: Partial<AuthorizationAttributes> = {}) => ({
    isResourceRequest: true,
    verb: terms.verb,
    path: '',
    group,
    version: 'v1',
    namespace: '',
    resource,
    subresource: '',
    name,
    ...more,
  });
  const account = serviceAccountOf(wanted.name);
  const node = terms.constrained ? nodeNameOf(wanted.name) : undefined;
  if (node !== undefined) yield piece(core, 'nodes', terms.anyName ? '*' : node);
  else if (account !== undefined) yield piece(core, 'serviceaccounts', account.name, { namespace: account.namespace });
  else yield piece(core, 'users', wanted.name);
  if (wanted.uid !== undefined) yield piece('authentication.k8s.io', 'uids', wanted.uid);
  for (const group of wanted.groups) yield piece(core, 'groups', group);
  for (const [key, values] of Object.entries(wanted.extra ?? {})) {
    for (const value of values) yield piece('authentication.k8s.io', 'userextras', value, { subresource: key });
  }
}

function groupsOf(wanted: User, terms: Terms): readonly string[] {
  const account = serviceAccountOf(wanted.name);
  let groups = wanted.groups;
  if (terms.constrained && nodeNameOf(wanted.name) !== undefined) groups = ['system:nodes'];
  else if (account !== undefined && groups.length === 0) {
    groups = ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
  }
  if (wanted.name === 'system:anonymous') return withGroup(groups, 'system:unauthenticated');
  return groups.includes('system:unauthenticated') ? groups : withGroup(groups, 'system:authenticated');
}

function withGroup(groups: readonly string[], group: string): readonly string[] {
  return groups.includes(group) ? groups : [...groups, group];
}

async function ask(
  authorizer: Authorizer,
  requestor: User,
  attributes: AuthorizationAttributes,
  call: AuthenticatedCall,
): Promise<StatusError | undefined> {
  // The old right gives everything away; the constrained ones never give the group that may do everything.
  if (attributes.verb !== 'impersonate' && attributes.resource === 'groups' && attributes.name === 'system:masters') {
    return accessDenied(requestor, attributes, 'impersonating the system:masters group is not allowed');
  }
  const { verdict, reason } = await authorizer.authorize(requestor, attributes, call.signal);
  return verdict === 'allow' ? undefined : accessDenied(requestor, attributes, reason);
}

function nodeNameOf(userName: string): string | undefined {
  if (!userName.startsWith('system:node:')) return undefined;
  const name = userName.slice('system:node:'.length);
  return dns1123SubdomainFaults(name).length === 0 ? name : undefined;
}

function serviceAccountOf(userName: string): { namespace: string; name: string } | undefined {
  const [system, kind, namespace = '', name = '', ...rest] = userName.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || rest.length > 0) return undefined;
  if (dns1123LabelFaults(namespace).length > 0 || dns1123SubdomainFaults(name).length > 0) return undefined;
  return { namespace, name };
}
