import type { Container, ContainerPort, EphemeralContainer, PodSpec, Volume } from '../../../generated/api/core/v1.ts';
import { portNameFaults, portNumberFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import { checkEnv, checkEnvFrom } from './env.ts';
import { checkDevices, checkMounts } from './mounts.ts';
import { checkProbes } from './probes.ts';
import { checkContainerResources } from './resources.ts';
import { checkSecurityContext } from './security-context.ts';

/** Source of all: core/validation (validateContainers, validateInitContainers, validateEphemeralContainers). */

/** What containers need to know of their pod. */
export interface ContainerScope {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
}

export function checkContainers(scope: ContainerScope, path: string, faults: FieldFaults): void {
  const { containers = [] } = scope.spec;
  if (containers.length === 0) return faults.required(path);
  const names = new Set<string>();
  containers.forEach((container, index) => {
    const at = `${path}[${index}]`;
    checkContainer(container, scope, at, faults);
    if (names.has(container.name)) faults.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    checkProbes(container, scope.spec, at, faults);
    checkRestartRules(container, at, faults);
  });
  checkHostPorts(containers, path, faults);
}

export function checkInitContainers(scope: ContainerScope, path: string, faults: FieldFaults): void {
  const names = new Set((scope.spec.containers ?? []).map(({ name }) => name));
  scope.spec.initContainers?.forEach((container, index) => {
    const at = `${path}[${index}]`;
    checkContainer(container, scope, at, faults);
    const { restartPolicy, restartPolicyRules = [] } = container;
    if (restartPolicy !== undefined) checkRestartRules(container, at, faults);
    else if (restartPolicyRules.length > 0)
      faults.required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
    if (names.has(container.name)) faults.duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    checkHostPorts([container], path, faults);
    if (restartPolicy === 'Always') checkProbes(container, scope.spec, at, faults);
    else checkRunsOnce(container, at, faults);
  });
}

/** What only sidecars may have. */
function checkRunsOnce(container: Container, path: string, faults: FieldFaults): void {
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
    if (container[field])
      faults.forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always');
  container.resizePolicy?.forEach(({ restartPolicy }, index) => {
    if (restartPolicy !== 'RestartContainer') return;
    const why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
    faults.invalid(`${path}.resizePolicy[${index}].restartPolicy`, restartPolicy, why);
  });
}

const EPHEMERAL_LACKS = ['ports', 'resources', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const;
/** Fields that a container has and an ephemeral one must leave alone, in Go's order. */
const EPHEMERAL_ALSO_LACKS = ['resizePolicy', 'restartPolicy', 'restartPolicyRules'] as const;

export function checkEphemeralContainers(scope: ContainerScope, path: string, faults: FieldFaults): void {
  const { ephemeralContainers, containers = [], initContainers = [] } = scope.spec;
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  const names = new Set(others);
  ephemeralContainers?.forEach((ephemeral, index) => {
    const at = `${path}[${index}]`;
    const container = ephemeral as Container & EphemeralContainer;
    checkContainer(container, scope, at, faults);
    checkImageText(container, at, faults);
    if (names.has(container.name)) faults.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    const { targetContainerName: target } = container;
    if (target && !others.has(target)) faults.notFound(`${at}.targetContainerName`, target);
    const lacks = [EPHEMERAL_LACKS[0], EPHEMERAL_LACKS[1], ...EPHEMERAL_ALSO_LACKS, ...EPHEMERAL_LACKS.slice(2)];
    for (const field of lacks) {
      const value = container[field];
      const isSet = Array.isArray(value)
        ? value.length > 0
        : typeof value === 'object'
          ? Object.keys(value).length > 0 || field !== 'resources'
          : value !== undefined;
      if (isSet) faults.forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container');
    }
    container.volumeMounts?.forEach(({ subPath, subPathExpr }, position) => {
      const mount = `${at}.volumeMounts[${position}]`;
      if (subPath) faults.forbidden(`${mount}.subPath`, 'cannot be set for an Ephemeral Container');
      if (subPathExpr) faults.forbidden(`${mount}.subPathExpr`, 'cannot be set for an Ephemeral Container');
    });
  });
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];

function checkContainer(container: Container, scope: ContainerScope, path: string, faults: FieldFaults): void {
  const { spec, volumes, claimNames } = scope;
  if (!container.name) faults.required(`${path}.name`);
  else checkDnsLabel(`${path}.name`, container.name, faults);
  if (!container.image) faults.required(`${path}.image`);
  faults.oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, [
    'File',
    'FallbackToLogsOnError',
  ]);
  checkPorts(container.ports, `${path}.ports`, faults);
  checkEnv(container.env, `${path}.env`, faults);
  checkEnvFrom(container.envFrom, `${path}.envFrom`, faults);
  checkMounts(container, volumes, `${path}.volumeMounts`, faults);
  checkDevices(container, volumes, `${path}.volumeDevices`, faults);
  faults.oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES);
  checkContainerResources(container.resources, claimNames, `${path}.resources`, faults);
  checkResizePolicy(container, spec, `${path}.resizePolicy`, faults);
  const sharesUsers = spec.hostUsers !== false;
  checkSecurityContext(container.securityContext, { sharesUsers }, `${path}.securityContext`, faults);
}

/** An image's name as it stands in a pod; templates may have spaces around it. */
export function checkImageText({ image = '' }: Pick<Container, 'image'>, path: string, faults: FieldFaults): void {
  if (image !== image.trim()) faults.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
}

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function checkPorts(ports: readonly ContainerPort[] | undefined, path: string, faults: FieldFaults): void {
  const names = new Set<string>();
  ports?.forEach(({ name, containerPort, hostPort, protocol }, index) => {
    const at = `${path}[${index}]`;
    if (name) {
      const problems = portNameFaults(name);
      faults.invalidFor(`${at}.name`, name, problems);
      if (problems.length === 0) {
        if (names.has(name)) faults.duplicate(`${at}.name`, name);
        names.add(name);
      }
    }
    if (!containerPort) faults.required(`${at}.containerPort`);
    else faults.invalidFor(`${at}.containerPort`, containerPort, portNumberFaults(containerPort));
    if (hostPort) faults.invalidFor(`${at}.hostPort`, hostPort, portNumberFaults(hostPort));
    faults.oneOf(`${at}.protocol`, protocol, PROTOCOLS);
  });
}

/** No port of the host twice. */
function checkHostPorts(containers: readonly Container[], path: string, faults: FieldFaults): void {
  const taken = new Set<string>();
  containers.forEach(({ ports }, index) => {
    ports?.forEach(({ protocol, hostIP = '', hostPort }, position) => {
      if (!hostPort) return;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) faults.duplicate(`${path}[${index}].ports[${position}].hostPort`, key);
      taken.add(key);
    });
  });
}

function checkResizePolicy({ resizePolicy }: Container, spec: PodSpec, path: string, faults: FieldFaults): void {
  const seen = new Set<string>();
  resizePolicy?.forEach(({ resourceName = '', restartPolicy = '' }, index) => {
    if (seen.has(resourceName)) faults.duplicate(`${path}[${index}]`, resourceName);
    seen.add(resourceName);
    faults.oneOf(path, resourceName, ['cpu', 'memory']);
    faults.oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']);
    if (spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      faults.invalid(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
  });
}

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];

/** When a container by itself starts again. Source: core/validation (validateContainerRestartPolicy). */
function checkRestartRules(container: Container, path: string, faults: FieldFaults): void {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  const at = `${path}.restartPolicy`;
  if (restartPolicy === undefined) {
    if (rules.length === 0) return;
    faults.required(at, 'must specify restartPolicy when restart rules are used');
  } else faults.optionalOneOf(at, restartPolicy, RESTART_POLICIES);
  if (rules.length > 20) faults.tooMany(`${path}.restartPolicyRules`, rules.length, 20);
  rules.forEach(({ action, exitCodes }, index) => {
    const rule = `${path}.restartPolicyRules[${index}]`;
    if (action !== 'Restart' && action !== 'RestartAllContainers')
      faults.notSupported(`${rule}.action`, action ?? '', ['Restart', 'RestartAllContainers']);
    if (!exitCodes) {
      faults.required(`${rule}.exitCodes`, 'must be specified');
      return;
    }
    if (exitCodes.operator !== 'In' && exitCodes.operator !== 'NotIn')
      faults.notSupported(`${rule}.exitCodes.operator`, exitCodes.operator ?? '', ['In', 'NotIn']);
    const count = exitCodes.values?.length ?? 0;
    if (count > 255) faults.tooMany(`${rule}.exitCodes.values`, count, 255);
  });
}
