import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../generated/api/networking/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { portNameFaults, portNumberFaults } from '../../../machinery/values/names.ts';
import { contains } from '../../../std/cidr.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkCidr, parseRange } from '../../checks/ip-addresses.ts';
import { checkLabelSelector } from '../../checks/labels.ts';

/** Source of all: networking/validation (ValidateNetworkPolicy, …Update). */

export function validateNetworkPolicy(policy: NetworkPolicy): readonly FieldError[] {
  return check(policy, []);
}

export function validateNetworkPolicyUpdate(next: NetworkPolicy, previous: NetworkPolicy): readonly FieldError[] {
  const peers = [
    ...(previous.spec.ingress ?? []).flatMap(({ from }) => from ?? []),
    ...(previous.spec.egress ?? []).flatMap(({ to }) => to ?? []),
  ];
  const known = peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr ?? '', ...(ipBlock.except ?? [])] : []));
  return check(next, known);
}

/** @param known - Ranges that stood there before may stay as they are. */
function check({ spec }: NetworkPolicy, known: readonly string[]): readonly FieldError[] {
  const faults = new FieldFaults();
  checkLabelSelector(spec.podSelector, 'spec.podSelector', faults);
  spec.ingress?.forEach(({ ports, from }, index) => {
    checkRule(ports, from, 'from', known, `spec.ingress[${index}]`, faults);
  });
  spec.egress?.forEach(({ ports, to }, index) => {
    checkRule(ports, to, 'to', known, `spec.egress[${index}]`, faults);
  });
  const { policyTypes = [] } = spec;
  if (policyTypes.length > 2) {
    faults.invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes');
    return faults.list;
  }
  policyTypes.forEach((type, index) => {
    faults.optionalOneOf(`spec.policyTypes[${index}]`, type, ['Ingress', 'Egress']);
  });
  return faults.list;
}

function checkRule(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  peersField: 'from' | 'to',
  known: readonly string[],
  path: string,
  faults: FieldFaults,
): void {
  ports?.forEach((port, index) => {
    checkPort(port, `${path}.ports[${index}]`, faults);
  });
  peers?.forEach((peer, index) => {
    checkPeer(peer, known, `${path}.${peersField}[${index}]`, faults);
  });
}

function checkPort({ protocol, port, endPort }: NetworkPolicyPort, path: string, faults: FieldFaults): void {
  faults.optionalOneOf(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']);
  const at = `${path}.endPort`;
  if (port === undefined) {
    if (endPort !== undefined) faults.invalid(at, endPort, 'may not be specified when `port` is not specified');
  } else if (typeof port === 'number') {
    faults.invalidFor(`${path}.port`, port, portNumberFaults(port));
    if (endPort === undefined) return;
    if (endPort < port) faults.invalid(at, port, 'must be greater than or equal to `port`');
    faults.invalidFor(at, endPort, portNumberFaults(endPort));
  } else {
    if (endPort !== undefined) faults.invalid(at, endPort, 'may not be specified when `port` is non-numeric');
    faults.invalidFor(`${path}.port`, port, portNameFaults(port));
  }
}

function checkPeer(peer: NetworkPolicyPeer, known: readonly string[], path: string, faults: FieldFaults): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  checkLabelSelector(podSelector, `${path}.podSelector`, faults);
  checkLabelSelector(namespaceSelector, `${path}.namespaceSelector`, faults);
  if (ipBlock) checkBlock(ipBlock, known, `${path}.ipBlock`, faults);
  if (!podSelector && !namespaceSelector && !ipBlock) faults.required(path, 'must specify a peer');
  else if (ipBlock && (podSelector || namespaceSelector))
    faults.forbidden(path, 'may not specify both ipBlock and another peer');
}

function checkBlock({ cidr, except }: IPBlock, known: readonly string[], path: string, faults: FieldFaults): void {
  if (!cidr) return faults.required(`${path}.cidr`);
  checkCidr(`${path}.cidr`, cidr, faults, known);
  const range = parseRange(cidr);
  if (range === undefined) return;
  except?.forEach((text, index) => {
    const at = `${path}.except[${index}]`;
    checkCidr(at, text, faults, known);
    const hole = parseRange(text);
    if (hole !== undefined && (!contains(range, hole) || range.prefixBits >= hole.prefixBits))
      faults.invalid(at, text, 'must be a strict subset of `cidr`');
  });
}
