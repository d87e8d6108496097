import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Event as CoreEvent } from '../generated/api/core/v1.ts';
import {
  deployments,
  events,
  ingresses,
  jobs,
  networkpolicies,
  persistentvolumeclaims,
  poddisruptionbudgets,
  pods,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import type { AnyObject, ResourceType } from '../machinery/object/object.ts';
import { joinTokens } from '../operator/api/join-token.ts';
import { virtualClusterBackups } from '../operator/api/virtual-cluster-backup.ts';
import { type Host, type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { WARREN_VERSION } from './version.ts';

const LOG_LINES = '200';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export function addDebug(program: Command): void {
  withHostOptions(
    program
      .command('debug')
      .argument('<name>')
      .description('print what support needs of a tenant: objects, events and logs, without secrets'),
  ).action(debug);
}

async function debug(name: string, options: HostOptions): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  printLine(`# ${WARREN_VERSION}`);
  print({ apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', ...cluster });
  const types = [
    services,
    ingresses,
    deployments,
    pods,
    persistentvolumeclaims,
    networkpolicies,
    poddisruptionbudgets,
    secrets,
  ];
  const found: AnyObject[] = [];
  for (const type of types as unknown as readonly ResourceType<AnyObject>[])
    found.push(...(await listOwned(host, type, `warren.dev/virtualcluster=${name}`)));
  // Jobs of backups and restores, whose pods are not the server's.
  for (const type of [jobs, pods] as unknown as readonly ResourceType<AnyObject>[])
    found.push(...(await listOwned(host, type, `warren.dev/works-for=${name}`)));
  for (const type of [virtualClusterBackups, joinTokens] as unknown as readonly ResourceType<AnyObject>[])
    found.push(...(await listOwned(host, type)).filter((object) => tenantOf(object) === name));
  for (const object of found) print(object);
  const names = new Set([name, ...found.map(({ metadata }) => metadata.name)]);
  const told = await listOwned(host, events as unknown as ResourceType<AnyObject>);
  const items = told as unknown as CoreEvent[];
  printLine('--- # events');
  for (const { lastTimestamp, type, involvedObject, reason, count, message } of items) {
    if (names.has(involvedObject.name) || involvedObject.name?.startsWith(`${name}-server-`))
      printLine(
        `# ${lastTimestamp} ${type} ${involvedObject.kind}/${involvedObject.name} ${reason} x${count}: ${message}`,
      );
  }
  for (const { kind, metadata } of found) if (kind === 'Pod') await printLog(host, metadata.name ?? '');
}

function tenantOf(object: AnyObject): unknown {
  return (object['spec'] as { virtualClusterName?: string } | undefined)?.virtualClusterName;
}

/** Nothing where the host does not know the kind, before its CRD is installed, or the user may not see it. */
async function listOwned(host: Host, type: ResourceType<AnyObject>, labelSelector?: string): Promise<AnyObject[]> {
  const list = host.client.list(type, { namespace: host.namespace, labelSelector });
  const { items } = await list.catch((error: unknown) => {
    if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 403)) throw error;
    if (error.code === 403) printLine(`# ${type.plural} cannot be read: ${error.message}`);
    return { items: [] };
  });
  return items.map((item) => ({
    apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
    kind: type.kind,
    ...item,
  }));
}

/** Secrets show which keys they have and how much is in them; who manages which field helps nobody. */
function print(object: AnyObject): void {
  const { managedFields: _, annotations, ...metadata } = object.metadata;
  // The whole object once more, values of Secrets among it.
  const { [LAST_APPLIED]: _applied, ...notes } = annotations ?? {};
  const shown: Record<string, unknown> = { ...object, metadata: { ...metadata, annotations: notes } };
  if (object.kind === 'Secret') {
    const data = Object.entries((object['data'] ?? {}) as Record<string, string>);
    shown['data'] = Object.fromEntries(
      data.map(([key, value]) => [key, `<${Buffer.from(value, 'base64').length} bytes>`]),
    );
  }
  printLine(`---\n${stringify(shown, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()}`);
}

async function printLog(host: Host, name: string): Promise<void> {
  printLine(`--- # log of pod ${name}`);
  const path = `/api/v1/namespaces/${host.namespace}/pods/${name}/log`;
  try {
    const text = await host.client.transport.request({ method: 'GET', path, query: { tailLines: LOG_LINES } });
    // An identity on its way from a backup is sealed; it has no business here all the same.
    const shown = String(text).replace(/"identity":"[^"]*"/g, '"identity":"…"');
    for (const line of shown.trimEnd().split('\n')) printLine(`# ${line}`);
  } catch (error) {
    printLine(`# it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
