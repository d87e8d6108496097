import type { APIVersionDiscovery } from '../../generated/api/apidiscovery/v2.ts';
import { groupPriorityOf } from '../crds/api-services.ts';
import { compareVersions } from '../crds/version-order.ts';
import type { ServedGroup, ServedVersion } from '../served-resources.ts';

/** A group's version that another server serves, with what that one tells of it. */
export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  /** As the APIService has them. */
  readonly groupPriority: number;
  readonly versionPriority: number;
  readonly discovery: APIVersionDiscovery;
}

/** Knows what other servers serve. */
export interface RemoteVersions {
  /** The same array for as long as nothing changes. */
  remoteVersions(): readonly RemoteVersion[];
}

/** A version as discovery shows it: what another server tells of it stands in the place of resources. */
export interface ShownVersion extends ServedVersion {
  readonly remote?: APIVersionDiscovery | undefined;
}

/** Priorities of versions that this server serves itself. Source: `pkg/controlplane/apiserver/aggregator.go`. */
const CUSTOM = 100;
const BUILTIN = 15;

/**
 * All groups in the order of their priorities. What another server serves takes the place of the same version here.
 * Source: kube-aggregator `pkg/apis/apiregistration/v1/helper` (SortedByGroupAndVersion).
 */
export function withRemote(local: readonly ServedGroup[], remote: readonly RemoteVersion[]): readonly ServedGroup[] {
  if (remote.length === 0) return local;
  const byGroup = Map.groupBy(remote, ({ group }) => group);
  const merged = [...new Set([...local.map(({ group }) => group), ...byGroup.keys()])].map((group) => {
    const own = local.find((each) => each.group === group);
    const others = byGroup.get(group) ?? [];
    const priority = Math.max(
      own === undefined ? 0 : groupPriorityOf(group),
      ...others.map((each) => each.groupPriority),
    );
    return { priority, shown: others.length === 0 && own !== undefined ? own : mergeVersions(group, own, others) };
  });
  const core = (group: string): number => (group === '' ? 0 : 1);
  return merged
    .sort(
      (a, b) => core(a.shown.group) - core(b.shown.group) || b.priority - a.priority || compareText(a.shown, b.shown),
    )
    .map(({ shown }) => shown);
}

function compareText(a: ServedGroup, b: ServedGroup): number {
  return a.group < b.group ? -1 : a.group > b.group ? 1 : 0;
}

function mergeVersions(group: string, own: ServedGroup | undefined, others: readonly RemoteVersion[]): ServedGroup {
  const taken = new Set(others.map(({ version }) => version));
  const ranked: { readonly priority: number; readonly shown: ShownVersion }[] = [
    ...(own?.versions ?? []).flatMap((shown) => {
      if (taken.has(shown.version)) return [];
      const isCustom = shown.resources.some(({ definition }) => definition.origin === 'custom');
      return [{ priority: isCustom ? CUSTOM : BUILTIN, shown }];
    }),
    ...others.map(({ version, versionPriority, discovery }) => ({
      priority: versionPriority,
      shown: { version, resources: [], remote: discovery },
    })),
  ];
  ranked.sort((a, b) => b.priority - a.priority || compareVersions(a.shown.version, b.shown.version));
  return { group, versions: ranked.map(({ shown }) => shown) };
}
