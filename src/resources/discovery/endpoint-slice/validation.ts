import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from '../../../generated/api/discovery/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { labelValueFaults } from '../../../machinery/values/names.ts';
import { checkFullDomainName } from '../../checks/domain-paths.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkCanonicalIp, checkEndpointIp, checkIp, familyOf } from '../../checks/ip-addresses.ts';
import { checkLabels } from '../../checks/labels.ts';
import { checkDnsLabel, checkQualifiedName, objectNameFaults } from '../../checks/names.ts';
import { isSameStruct } from '../../checks/same.ts';

const TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY = 16;
const MAX_HINTS = 8;
const ZONE = 'topology.kubernetes.io/zone';

/** @param previous - The stored slice on update. Source of all: discovery/validation. */
export function validateEndpointSlice(
  slice: EndpointSlice,
  previous: EndpointSlice | undefined,
): readonly FieldError[] {
  const faults = new FieldFaults();
  check(slice, previous, faults);
  return faults.list;
}

export function validateEndpointSliceUpdate(next: EndpointSlice, previous: EndpointSlice): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, previous, faults);
  if (next.addressType !== previous.addressType)
    faults.invalid('addressType', next.addressType ?? '', 'field is immutable');
  return faults.list;
}

function check(slice: EndpointSlice, previous: EndpointSlice | undefined, faults: FieldFaults): void {
  const { addressType, ports = [], endpoints = [] } = slice;
  faults.oneOf('addressType', addressType, TYPES);
  checkPorts(ports, faults);
  if (
    previous !== undefined &&
    isSameStruct({ endpoints: previous.endpoints }, { endpoints }, 'discovery/v1.EndpointSlice')
  )
    return;
  if (endpoints.length > MAX_ENDPOINTS) return faults.tooMany('endpoints', endpoints.length, MAX_ENDPOINTS);
  endpoints.forEach((endpoint, index) => {
    checkEndpoint(endpoint, addressType, `endpoints[${index}]`, faults);
  });
}

function checkPorts(ports: readonly EndpointPort[], faults: FieldFaults): void {
  if (ports.length > MAX_PORTS) return faults.tooMany('ports', ports.length, MAX_PORTS);
  const names = new Set<string>();
  ports.forEach(({ name = '', protocol, appProtocol }, index) => {
    const at = `ports[${index}]`;
    if (name !== '') checkDnsLabel(`${at}.name`, name, faults);
    if (names.has(name)) faults.duplicate(`${at}.name`, name);
    names.add(name);
    if (protocol === undefined) faults.required(`${at}.protocol`);
    else faults.optionalOneOf(`${at}.protocol`, protocol, PROTOCOLS);
    if (appProtocol !== undefined) checkQualifiedName(`${at}.appProtocol`, appProtocol, faults);
  });
}

function checkEndpoint(endpoint: Endpoint, type: string | undefined, path: string, faults: FieldFaults): void {
  const { addresses = [], nodeName, hostname, hints, deprecatedTopology: topology = {} } = endpoint;
  const at = `${path}.addresses`;
  if (addresses.length === 0) faults.required(at, 'must contain at least 1 address');
  else if (addresses.length > MAX_ADDRESSES) faults.tooMany(at, addresses.length, MAX_ADDRESSES);
  addresses.forEach((address, index) => {
    checkAddress(address, type, at, `${at}[${index}]`, faults);
  });
  if (nodeName !== undefined) faults.invalidFor(`${path}.nodeName`, nodeName, objectNameFaults(nodeName));
  const size = Object.keys(topology).length;
  if (size > MAX_TOPOLOGY) faults.tooMany(`${path}.deprecatedTopology`, size, MAX_TOPOLOGY);
  checkLabels(topology, `${path}.deprecatedTopology`, faults);
  if (topology[ZONE] !== undefined)
    faults.internal(`${path}.deprecatedTopology[${ZONE}]`, 'reserved key was not removed in conversion');
  if (hostname !== undefined) checkDnsLabel(`${path}.hostname`, hostname, faults);
  if (hints) checkHints(hints, `${path}.hints`, faults);
}

function checkAddress(
  address: string,
  type: string | undefined,
  listPath: string,
  path: string,
  faults: FieldFaults,
): void {
  if (type === 'IPv4') {
    if (!checkIp(path, address, faults)) return;
    if (familyOf(address) !== 4) faults.invalid(listPath, address, 'must be an IPv4 address');
    checkEndpointIp(path, address, faults);
  } else if (type === 'IPv6') {
    if (!checkCanonicalIp(path, address, faults)) return;
    if (familyOf(address) !== 6) faults.invalid(listPath, address, 'must be an IPv6 address');
    checkEndpointIp(path, address, faults);
  } else if (type === 'FQDN') checkFullDomainName(path, address, faults);
}

function checkHints({ forZones = [], forNodes = [] }: EndpointHints, path: string, faults: FieldFaults): void {
  const lists = [
    ['forZones', forZones, labelValueFaults],
    ['forNodes', forNodes, objectNameFaults],
  ] as const;
  for (const [field, list, faultsOf] of lists) {
    if (list.length > MAX_HINTS) return faults.tooMany(`${path}.${field}`, list.length, MAX_HINTS);
    const seen = new Set<string>();
    list.forEach(({ name = '' }, index) => {
      const at = `${path}.${field}[${index}].name`;
      if (seen.has(name)) faults.duplicate(at, name);
      seen.add(name);
      faults.invalidFor(at, name, faultsOf(name));
    });
  }
}
