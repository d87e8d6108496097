import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod, PodSpec } from '../../generated/api/core/v1.ts';
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import {
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  envVarNameFaults,
  portNameFaults,
  portNumberFaults,
} from '../../machinery/values/names.ts';

/** Source of all: pkg/apis/core/validation/validation.go. */

export function validatePod(pod: Pod): readonly FieldError[] {
  return validatePodSpec(pod.spec, 'spec');
}

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const volumes = new Set<string>();
  (spec.volumes ?? []).forEach((volume, index) => {
    const at = `${path}.volumes[${index}]`;
    const name = volume.name ?? '';
    if (name === '') faults.push(fieldRequired(`${at}.name`));
    else for (const fault of dns1123LabelFaults(name)) faults.push(fieldInvalid(`${at}.name`, name, fault));
    if (volumes.has(name)) faults.push(fieldDuplicate(`${at}.name`, name));
    volumes.add(name);
    const sources = Object.entries(volume).filter(
      ([key, value]) => key !== 'name' && value !== undefined && value !== null,
    );
    for (const [key] of sources.slice(1))
      faults.push(fieldForbidden(`${at}.${key}`, 'may not specify more than 1 volume type'));
  });
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  if (containers.length === 0) faults.push(fieldRequired(`${path}.containers`));
  containers.forEach((container, index) => {
    faults.push(...validateContainer(container, `${path}.containers[${index}]`, names, volumes));
  });
  (spec.initContainers ?? []).forEach((container, index) => {
    faults.push(...validateContainer(container, `${path}.initContainers[${index}]`, names, volumes));
  });
  if (!RESTART_POLICIES.includes(spec.restartPolicy ?? '')) {
    faults.push(
      spec.restartPolicy
        ? fieldNotSupported(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES)
        : fieldRequired(`${path}.restartPolicy`),
    );
  }
  if (!DNS_POLICIES.includes(spec.dnsPolicy ?? '')) {
    faults.push(
      spec.dnsPolicy
        ? fieldNotSupported(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES)
        : fieldRequired(`${path}.dnsPolicy`),
    );
  }
  if (spec.serviceAccountName) {
    for (const fault of dns1123SubdomainFaults(spec.serviceAccountName))
      faults.push(fieldInvalid(`${path}.serviceAccountName`, spec.serviceAccountName, fault));
  }
  if (spec.nodeName) {
    for (const fault of dns1123SubdomainFaults(spec.nodeName))
      faults.push(fieldInvalid(`${path}.nodeName`, spec.nodeName, fault));
  }
  if (spec.hostname) {
    for (const fault of dns1123LabelFaults(spec.hostname))
      faults.push(fieldInvalid(`${path}.hostname`, spec.hostname, fault));
  }
  const { activeDeadlineSeconds, terminationGracePeriodSeconds } = spec;
  if (typeof activeDeadlineSeconds === 'number' && (activeDeadlineSeconds < 1 || activeDeadlineSeconds > 2 ** 31 - 1)) {
    faults.push(
      fieldInvalid(
        `${path}.activeDeadlineSeconds`,
        activeDeadlineSeconds,
        'must be between 1 and 2147483647, inclusive',
      ),
    );
  }
  if (typeof terminationGracePeriodSeconds === 'number' && terminationGracePeriodSeconds < 0) {
    faults.push(
      fieldInvalid(
        `${path}.terminationGracePeriodSeconds`,
        terminationGracePeriodSeconds,
        'must be greater than or equal to 0',
      ),
    );
  }
  return faults;
}

function validateContainer(
  container: Container,
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const faults: FieldError[] = [];
  const name = container.name ?? '';
  if (name === '') faults.push(fieldRequired(`${path}.name`));
  else {
    for (const fault of dns1123LabelFaults(name)) faults.push(fieldInvalid(`${path}.name`, name, fault));
    if (names.has(name)) faults.push(fieldDuplicate(`${path}.name`, name));
    names.add(name);
  }
  const image = container.image ?? '';
  if (image === '') faults.push(fieldRequired(`${path}.image`));
  else if (image !== image.trim())
    faults.push(fieldInvalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  if (!PULL_POLICIES.includes(container.imagePullPolicy ?? '')) {
    faults.push(
      container.imagePullPolicy
        ? fieldNotSupported(`${path}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES)
        : fieldRequired(`${path}.imagePullPolicy`),
    );
  }
  faults.push(
    ...validatePorts(container, path),
    ...validateEnv(container, path),
    ...validateMounts(container, path, volumes),
  );
  return faults;
}

function validatePorts({ ports = [] }: Container, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const names = new Set<string>();
  (ports ?? []).forEach((port, index) => {
    const at = `${path}.ports[${index}]`;
    if (port.name) {
      for (const fault of portNameFaults(port.name)) faults.push(fieldInvalid(`${at}.name`, port.name, fault));
      if (names.has(port.name)) faults.push(fieldDuplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) faults.push(fieldRequired(`${at}.containerPort`));
    else
      for (const fault of portNumberFaults(port.containerPort))
        faults.push(fieldInvalid(`${at}.containerPort`, port.containerPort, fault));
    if (port.hostPort)
      for (const fault of portNumberFaults(port.hostPort))
        faults.push(fieldInvalid(`${at}.hostPort`, port.hostPort, fault));
    if (!port.protocol) faults.push(fieldRequired(`${at}.protocol`));
    else if (!PROTOCOLS.includes(port.protocol))
      faults.push(fieldNotSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
  });
  return faults;
}

function validateEnv({ env }: Container, path: string): FieldError[] {
  const faults: FieldError[] = [];
  (env ?? []).forEach((variable, index) => {
    const at = `${path}.env[${index}]`;
    if (!variable.name) faults.push(fieldRequired(`${at}.name`));
    else
      for (const fault of envVarNameFaults(variable.name))
        faults.push(fieldInvalid(`${at}.name`, variable.name, fault));
    if (variable.value && variable.valueFrom)
      faults.push(fieldInvalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
  });
  return faults;
}

function validateMounts({ volumeMounts }: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const faults: FieldError[] = [];
  const mountPaths = new Set<string>();
  (volumeMounts ?? []).forEach((mount, index) => {
    const at = `${path}.volumeMounts[${index}]`;
    if (!mount.name) faults.push(fieldRequired(`${at}.name`));
    if (!volumes.has(mount.name ?? '')) faults.push(fieldNotFound(`${at}.name`, mount.name ?? ''));
    if (!mount.mountPath) faults.push(fieldRequired(`${at}.mountPath`));
    if (mountPaths.has(mount.mountPath ?? ''))
      faults.push(fieldInvalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    mountPaths.add(mount.mountPath ?? '');
  });
  return faults;
}

const UPDATE_MESSAGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** What may change in a pod that exists: images, a shorter deadline, further tolerations, gates that open. */
export function validatePodUpdate(next: Pod, previous: Pod): readonly FieldError[] {
  const faults = [...validatePod(next)];
  if (faults.length > 0) return faults;
  const frozen = (pod: Pod): unknown => {
    const strip = (containers: readonly Container[] | undefined) => containers?.map(({ image: _, ...rest }) => rest);
    const {
      containers,
      initContainers,
      activeDeadlineSeconds: _a,
      tolerations: _t,
      terminationGracePeriodSeconds: _g,
      schedulingGates: _s,
      ...rest
    } = pod.spec;
    return { ...rest, containers: strip(containers), initContainers: strip(initContainers) };
  };
  if (!isSame(frozen(next), frozen(previous))) faults.push(fieldForbidden('spec', UPDATE_MESSAGE));
  const before = previous.spec.tolerations ?? [];
  const after = next.spec.tolerations ?? [];
  if (
    before.some(
      (toleration) =>
        !after.some((other) =>
          isDeepStrictEqual({ ...other, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }),
        ),
    )
  ) {
    faults.push(
      fieldForbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  return faults;
}

/** Equal as JSON, whatever is undefined. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}

export function validatePodStatusUpdate(next: Pod, previous: Pod): readonly FieldError[] {
  const faults: FieldError[] = [];
  const nominated = next.status?.nominatedNodeName;
  if (nominated)
    for (const fault of dns1123SubdomainFaults(nominated))
      faults.push(fieldInvalid('status.nominatedNodeName', nominated, fault));
  if (next.spec.nodeName !== previous.spec.nodeName)
    faults.push(fieldInvalid('status.nodeName', next.spec.nodeName, 'may not be changed directly'));
  return faults;
}
