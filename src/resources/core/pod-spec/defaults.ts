import type {
  Container,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  Volume,
} from '../../../generated/api/core/v1.ts';
import { allowsOvercommit, isHugePages, isPodLevelResource } from '../../checks/resource-names.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { defaultClaimSpec } from '../persistent-volume-claim/claim-spec.ts';
import { aggregateContainers } from './aggregate-resources.ts';
import { isLatestImage } from './image-reference.ts';

/** Source of all: pkg/apis/core/v1/defaults.go. */

export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  const { spec } = pod;
  defaultPodSpec(spec);
  // A limit without a request is the request; in pods only, not in templates.
  for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
  }
  defaultPodResources(spec);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) defaultHostPorts(spec);
  if (pod.status) syncPodIps(pod.status);
}

/** The first of `podIPs` is `podIP`. Source: pkg/apis/core/v1/conversion.go. */
function syncPodIps(status: PodStatus): void {
  const { podIP, podIPs = [] } = status;
  if (podIPs.length > 0 && podIP && podIPs[0]?.ip !== podIP) status.podIPs = [{ ip: podIP }];
  else if (podIPs.length === 0 && podIP) status.podIPs = [{ ip: podIP }];
  else if (podIPs.length > 0 && !podIP) status.podIP = podIPs[0]?.ip;
}

/** What a pod asks for as a whole, where it says so in part. Source: defaultHugePagePodLimits, defaultPodRequests. */
function defaultPodResources(spec: PodSpec): void {
  const { resources } = spec;
  if (!resources) return;
  const isPartly = Object.keys(resources.limits ?? {}).length + Object.keys(resources.requests ?? {}).length > 0;
  if (!isPartly) return;
  const limits: Record<string, string> = { ...resources.limits };
  for (const [name, amount] of aggregateContainers(spec, 'limits'))
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= amount.toString();
  if (Object.keys(limits).length > 0) resources.limits = limits;
  if (Object.keys(limits).length === 0) return;
  const requests: Record<string, string> = { ...resources.requests };
  for (const [name, amount] of aggregateContainers(spec, 'requests'))
    if (isPodLevelResource(name) && allowsOvercommit(name)) requests[name] ??= amount.toString();
  for (const [name, amount] of Object.entries(limits)) if (isPodLevelResource(name)) requests[name] ??= amount;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  template.spec ??= {} as PodSpec;
  defaultPodSpec(template.spec);
}

export function defaultPodSpec(spec: PodSpec): void {
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container as Container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  roundAmounts(spec.overhead);
  roundAmounts(spec.resources?.limits);
  roundAmounts(spec.resources?.requests);
  if (!spec.dnsPolicy) spec.dnsPolicy = 'ClusterFirst';
  if (!spec.restartPolicy) spec.restartPolicy = 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  if (!spec.schedulerName) spec.schedulerName = 'default-scheduler';
  spec.securityContext ??= {};
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

function defaultHostPorts(spec: PodSpec): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    for (const port of container.ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort;
  }
}

function defaultContainer(container: Container): void {
  if (!container.imagePullPolicy)
    container.imagePullPolicy = isLatestImage(container.image ?? '') ? 'Always' : 'IfNotPresent';
  if (!container.terminationMessagePath) container.terminationMessagePath = '/dev/termination-log';
  if (!container.terminationMessagePolicy) container.terminationMessagePolicy = 'File';
  roundAmounts(container.resources?.limits);
  roundAmounts(container.resources?.requests);
  for (const port of container.ports ?? []) if (!port.protocol) port.protocol = 'TCP';
  for (const variable of container.env ?? []) {
    const reference = variable.valueFrom?.fieldRef;
    if (reference && !reference.apiVersion) reference.apiVersion = 'v1';
    const file = variable.valueFrom?.fileKeyRef;
    if (file) file.optional ??= false;
  }
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop])
    defaultHttpGet(handler?.httpGet);
}

function defaultProbe(probe: Probe | undefined | null): void {
  if (!probe) return;
  if (!probe.timeoutSeconds) probe.timeoutSeconds = 1;
  if (!probe.periodSeconds) probe.periodSeconds = 10;
  if (!probe.successThreshold) probe.successThreshold = 1;
  if (!probe.failureThreshold) probe.failureThreshold = 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet(action: { path?: string | undefined; scheme?: string | undefined } | undefined | null): void {
  if (!action) return;
  if (!action.path) action.path = '/';
  if (!action.scheme) action.scheme = 'HTTP';
}

const VOLUME_SOURCES = [
  'hostPath',
  'emptyDir',
  'secret',
  'configMap',
  'projected',
  'downwardAPI',
  'iscsi',
  'rbd',
  'azureDisk',
  'scaleIO',
] as const;

function defaultVolume(volume: Volume): void {
  const hasSource = Object.entries(volume).some(
    ([key, value]) => key !== 'name' && value !== undefined && value !== null,
  );
  if (!hasSource) volume.emptyDir = {};
  for (const source of VOLUME_SOURCES) {
    const value = volume[source] as Record<string, unknown> | undefined | null;
    if (!value) continue;
    switch (source) {
      case 'hostPath':
        value['type'] ??= '';
        break;
      case 'secret':
      case 'configMap':
      case 'downwardAPI':
      case 'projected':
        value['defaultMode'] ??= 420;
        break;
      case 'iscsi':
        if (!value['iscsiInterface']) value['iscsiInterface'] = 'default';
        break;
      case 'rbd':
        if (!value['pool']) value['pool'] = 'rbd';
        if (!value['user']) value['user'] = 'admin';
        if (!value['keyring']) value['keyring'] = '/etc/ceph/keyring';
        break;
      case 'azureDisk':
        value['cachingMode'] ??= 'ReadWrite';
        value['kind'] ??= 'Shared';
        value['fsType'] ??= 'ext4';
        value['readOnly'] ??= false;
        break;
      case 'scaleIO':
        if (!value['storageMode']) value['storageMode'] = 'ThinProvisioned';
        if (!value['fsType']) value['fsType'] = 'xfs';
        break;
      default:
        break;
    }
  }
  if (volume.image && !volume.image.pullPolicy)
    volume.image.pullPolicy = isLatestImage(volume.image.reference ?? '') ? 'Always' : 'IfNotPresent';
  for (const item of volume.downwardAPI?.items ?? [])
    if (item.fieldRef && !item.fieldRef.apiVersion) item.fieldRef.apiVersion = 'v1';
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const item of source.downwardAPI?.items ?? [])
      if (item.fieldRef && !item.fieldRef.apiVersion) item.fieldRef.apiVersion = 'v1';
  }
  const template = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (template) defaultClaimSpec(template);
}
