import type { Container, HTTPGetAction, LifecycleHandler, PodSpec, Probe } from '../../../generated/api/core/v1.ts';
import { httpHeaderNameFaults, portNameFaults, portNumberFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';

/** Source of all: core/validation (validateProbe, validateHandler, validateLifecycle). */

/** A port by number or by name. */
export function checkPort(port: number | string | undefined, path: string, faults: FieldFaults): void {
  if (typeof port === 'string') faults.invalidFor(path, port, portNameFaults(port));
  else faults.invalidFor(path, port ?? 0, portNumberFaults(port ?? 0));
}

/** The three probes and the lifecycle of a container that runs as long as its pod. */
export function checkProbes(container: Container, spec: PodSpec, path: string, faults: FieldFaults): void {
  checkLifecycle(container, spec, `${path}.lifecycle`, faults);
  const { livenessProbe, readinessProbe, startupProbe } = container;
  checkFailingProbe(livenessProbe, spec, `${path}.livenessProbe`, faults);
  if (readinessProbe) {
    const at = `${path}.readinessProbe`;
    checkProbe(readinessProbe, spec, at, faults);
    const { terminationGracePeriodSeconds: period } = readinessProbe;
    if (period !== undefined)
      faults.invalid(`${at}.terminationGracePeriodSeconds`, period, 'must not be set for readinessProbes');
  }
  checkFailingProbe(startupProbe, spec, `${path}.startupProbe`, faults);
}

/** A probe whose failure restarts the container: one success is enough for it. */
function checkFailingProbe(probe: Probe | undefined, spec: PodSpec, path: string, faults: FieldFaults): void {
  if (!probe) return;
  checkProbe(probe, spec, path, faults);
  if (probe.successThreshold !== 1)
    faults.invalid(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1');
}

function checkProbe(probe: Probe, spec: PodSpec, path: string, faults: FieldFaults): void {
  checkHandler(probe, spec, path, faults);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    faults.nonNegative(`${path}.${field}`, probe[field]);
  const { terminationGracePeriodSeconds: period } = probe;
  if (period !== undefined && period <= 0)
    faults.invalid(`${path}.terminationGracePeriodSeconds`, period, 'must be greater than 0');
}

function checkLifecycle({ lifecycle }: Container, spec: PodSpec, path: string, faults: FieldFaults): void {
  if (!lifecycle) return;
  if (lifecycle.postStart) checkHandler(lifecycle.postStart, spec, `${path}.postStart`, faults);
  if (lifecycle.preStop) checkHandler(lifecycle.preStop, spec, `${path}.preStop`, faults);
  if (lifecycle.stopSignal) checkStopSignal(lifecycle.stopSignal, spec, `${path}.stopSignal`, faults);
}

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

function checkHandler(handler: Handler, spec: PodSpec, path: string, faults: FieldFaults): void {
  let found = 0;
  const isFirst = (name: keyof Handler): boolean => {
    if (!handler[name]) return false;
    if (found++ === 0) return true;
    faults.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type');
    return false;
  };
  if (isFirst('exec') && (handler.exec?.command ?? []).length === 0) faults.required(`${path}.exec.command`);
  if (isFirst('httpGet') && handler.httpGet) checkHttpGet(handler.httpGet, `${path}.httpGet`, faults);
  if (isFirst('tcpSocket')) checkPort(handler.tcpSocket?.port, `${path}.tcpSocket.port`, faults);
  if (isFirst('grpc')) checkPort(handler.grpc?.port, `${path}.grpc.port`, faults);
  if (isFirst('sleep')) {
    const { terminationGracePeriodSeconds: grace } = spec;
    const seconds = handler.sleep?.seconds ?? 0;
    if (grace !== undefined && (seconds < 0 || seconds > grace)) {
      const why = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
      faults.invalid(`${path}.sleep`, seconds, why);
    }
  }
  if (found === 0) faults.required(path, 'must specify a handler type');
}

function checkHttpGet(action: HTTPGetAction, path: string, faults: FieldFaults): void {
  if (!action.path) faults.required(`${path}.path`);
  checkPort(action.port, `${path}.port`, faults);
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS')
    faults.notSupported(`${path}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS']);
  for (const { name = '' } of action.httpHeaders ?? [])
    faults.invalidFor(`${path}.httpHeaders`, name, httpHeaderNameFaults(name));
}

const WINDOWS_SIGNALS = ['SIGKILL', 'SIGTERM'];
const REAL_TIME = [
  'SIGRTMIN',
  ...Array.from({ length: 15 }, (_, index) => `SIGRTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `SIGRTMAX-${14 - index}`),
  'SIGRTMAX',
];
const LINUX_SIGNALS = [
  ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ'
    .split(' ')
    .map((name) => `SIG${name}`),
  ...REAL_TIME,
].sort();

function checkStopSignal(signal: string, { os }: PodSpec, path: string, faults: FieldFaults): void {
  if (!os) faults.forbidden(path, 'may not be set for containers with empty `spec.os.name`');
  else if (os.name === 'windows') faults.optionalOneOf(path, signal, WINDOWS_SIGNALS);
  else if (os.name === 'linux') faults.optionalOneOf(path, signal, LINUX_SIGNALS);
}
