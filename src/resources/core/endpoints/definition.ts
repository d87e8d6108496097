import type { EndpointAddress, EndpointPort, Endpoints } from '../../../generated/api/core/v1.ts';
import { endpoints } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { portNumberFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkEndpointIp, checkIp, ipWarnings } from '../../checks/ip-addresses.ts';
import { checkDnsLabel, checkQualifiedName, objectNameFaults } from '../../checks/names.ts';
import { isSameStruct } from '../../checks/same.ts';
import { fewOf } from '../../columns.ts';
import { defineResource } from '../../define.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** Source: core/validation (ValidateEndpoints). */
function validate({ subsets }: Endpoints): readonly FieldError[] {
  const faults = new FieldFaults();
  subsets?.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
    const at = `subsets[${index}]`;
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      faults.required(at, 'must specify `addresses` or `notReadyAddresses`');
    addresses.forEach((address, position) => {
      checkAddress(address, `${at}.addresses[${position}]`, faults);
    });
    notReadyAddresses.forEach((address, position) => {
      checkAddress(address, `${at}.notReadyAddresses[${position}]`, faults);
    });
    ports.forEach((port, position) => {
      checkPort(port, { needsName: ports.length > 1 }, `${at}.ports[${position}]`, faults);
    });
  });
  return faults.list;
}

function checkAddress({ ip = '', hostname, nodeName }: EndpointAddress, path: string, faults: FieldFaults): void {
  checkIp(`${path}.ip`, ip, faults);
  if (hostname) checkDnsLabel(`${path}.hostname`, hostname, faults);
  if (nodeName !== undefined) faults.invalidFor(`${path}.nodeName`, nodeName, objectNameFaults(nodeName));
  checkEndpointIp(`${path}.ip`, ip, faults);
}

function checkPort(
  { name, port = 0, protocol, appProtocol }: EndpointPort,
  options: { readonly needsName: boolean },
  path: string,
  faults: FieldFaults,
): void {
  if (name) checkDnsLabel(`${path}.name`, name, faults);
  else if (options.needsName) faults.required(`${path}.name`);
  faults.invalidFor(`${path}.port`, port, portNumberFaults(port));
  faults.oneOf(`${path}.protocol`, protocol, PROTOCOLS);
  if (appProtocol !== undefined) checkQualifiedName(`${path}.appProtocol`, appProtocol, faults);
}

const DEPRECATED = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

/** Source: pkg/registry/core/endpoint/strategy.go (endpointsWarnings). */
function warn({ metadata, subsets }: Endpoints): string[] {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return [];
  return (subsets ?? []).flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, position) =>
        ipWarnings(`subsets[${index}].${list}[${position}].ip`, ip ?? ''),
      ),
    ),
  );
}

/** Source: printEndpoints (formatEndpoints). */
function endpointsText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip ?? '')
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip?.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
  return fewOf(all, 3, all.length);
}

export const endpointsResource = defineResource(endpoints, {
  storagePrefix: 'services/endpoints',
  allowCreateOnUpdate: true,
  deprecation: DEPRECATED,
  cells: { Endpoints: endpointsText },
  strategy: {
    applyDefaults({ subsets }) {
      for (const { ports } of subsets ?? []) for (const port of ports ?? []) if (!port.protocol) port.protocol = 'TCP';
    },
    validateCreate: validate,
    // What stood there before the rules were stricter may stay.
    validateUpdate: (next, previous) =>
      isSameStruct({ subsets: next.subsets }, { subsets: previous.subsets }, 'core/v1.Endpoints') ? [] : validate(next),
    warningsOnCreate: warn,
    warningsOnUpdate: warn,
  },
});
