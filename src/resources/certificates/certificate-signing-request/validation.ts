import type { CertificateSigningRequest } from '../../../generated/api/certificates/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkSignerName } from '../../checks/names.ts';
import { isSame } from '../../checks/same.ts';
import { certificateFault } from '../issued-certificates.ts';
import { requestFault } from '../pkcs10.ts';
import { conditionsOf } from './conditions.ts';

/** Source of all: certificates/validation (ValidateCertificateSigningRequestCreate, …Update, …StatusUpdate, …ApprovalUpdate). */

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const MIN_SECONDS = 600;
/** Conditions that once set are there to stay. */
const LASTING = ['Approved', 'Denied', 'Failed'];
const APPROVALS = ['Approved', 'Denied'];

/** What the stored request broke already and may go on to break. */
interface Tolerance {
  readonly bothApprovals: boolean;
  readonly legacySigner: boolean;
  readonly repeatedTypes: boolean;
  readonly emptyTypes: boolean;
  readonly oddCertificate: boolean;
  readonly unknownUsages: boolean;
  readonly repeatedUsages: boolean;
}

const NONE: Tolerance = {
  bothApprovals: false,
  legacySigner: false,
  repeatedTypes: false,
  emptyTypes: false,
  oddCertificate: false,
  unknownUsages: false,
  repeatedUsages: false,
};

const hasRepeats = (values: readonly string[]): boolean => new Set(values).size < values.length;
const certificateOf = ({ status }: CertificateSigningRequest): string => status?.certificate ?? '';

function toleranceOf(next: CertificateSigningRequest, previous: CertificateSigningRequest): Tolerance {
  const types = (previous.status?.conditions ?? []).map(({ type }) => type ?? '');
  const usages = previous.spec.usages ?? [];
  return {
    bothApprovals: APPROVALS.every((type) => types.includes(type)),
    legacySigner: previous.spec.signerName === LEGACY_SIGNER,
    repeatedTypes: hasRepeats(types),
    emptyTypes: types.includes(''),
    oddCertificate:
      certificateOf(next) === certificateOf(previous) ||
      certificateFault(Buffer.from(certificateOf(previous), 'base64')) !== undefined,
    unknownUsages: usages.some((usage) => !USAGES.includes(usage)),
    repeatedUsages: hasRepeats(usages),
  };
}

export function validateRequest(request: CertificateSigningRequest): readonly FieldError[] {
  const faults = new FieldFaults();
  check(request, NONE, faults);
  return faults.list;
}

/** @param part - What the update may change: nothing of the spec and status, the certificate, or the approval. */
export function validateRequestUpdate(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
  part: 'object' | 'status' | 'approval',
): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, toleranceOf(next, previous), faults);
  const path = 'status.conditions';
  for (const type of LASTING)
    if (conditionsOf(next, type).length < conditionsOf(previous, type).length)
      faults.forbidden(path, `updates may not remove a condition of type "${type}"`);
  if (part !== 'approval') checkApprovals(next, previous, path, faults);
  const before = certificateOf(previous);
  if (before !== certificateOf(next)) {
    if (part !== 'status') faults.forbidden('status.certificate', 'updates may not set certificate content');
    else if (before !== '')
      faults.forbidden('status.certificate', 'updates may not modify existing certificate content');
  }
  return faults.list;
}

function checkApprovals(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
  path: string,
  faults: FieldFaults,
): void {
  for (const type of APPROVALS) {
    const before = conditionsOf(previous, type);
    const after = conditionsOf(next, type);
    if (after.length > before.length) faults.forbidden(path, `updates may not add a condition of type "${type}"`);
    else if (after.length === before.length && !isSame(after, before))
      faults.forbidden(path, `updates may not modify a condition of type "${type}"`);
  }
}

function check(request: CertificateSigningRequest, tolerance: Tolerance, faults: FieldFaults): void {
  const { spec } = request;
  const fault = requestFault(Buffer.from(spec.request ?? '', 'base64'));
  if (fault !== undefined) faults.invalid('spec.request', spec.request ?? null, fault);
  checkUsages(spec.usages ?? [], tolerance, faults);
  const { signerName, expirationSeconds: seconds } = spec;
  if (!tolerance.legacySigner && signerName === LEGACY_SIGNER)
    faults.invalid('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version');
  else checkSignerName('spec.signerName', signerName, faults);
  if (seconds !== undefined && seconds < MIN_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    faults.invalid('spec.expirationSeconds', seconds, why);
  }
  checkConditions(request, tolerance, 'status.conditions', faults);
  if (tolerance.oddCertificate) return;
  const oddity = certificateFault(Buffer.from(certificateOf(request), 'base64'));
  if (oddity !== undefined) faults.invalid('status.certificate', '<certificate data>', oddity);
}

function checkUsages(usages: readonly string[], tolerance: Tolerance, faults: FieldFaults): void {
  if (usages.length === 0) faults.required('spec.usages');
  usages.forEach((usage, index) => {
    if (!tolerance.unknownUsages) faults.optionalOneOf(`spec.usages[${index}]`, usage, USAGES);
  });
  usages.forEach((usage, index) => {
    if (!tolerance.repeatedUsages && usages.indexOf(usage) < index) faults.duplicate(`spec.usages[${index}]`, usage);
  });
}

function checkConditions(
  { status }: CertificateSigningRequest,
  tolerance: Tolerance,
  path: string,
  faults: FieldFaults,
): void {
  const seen = new Set<string>();
  status?.conditions?.forEach(({ type = '', status: value }, index) => {
    const at = `${path}[${index}]`;
    if (type === '' && !tolerance.emptyTypes) faults.required(`${at}.type`);
    faults.oneOf(`${at}.status`, value, LASTING.includes(type) ? ['True'] : ['False', 'True', 'Unknown']);
    const other = type === 'Approved' ? 'Denied' : 'Approved';
    if (!tolerance.bothApprovals && APPROVALS.includes(type) && seen.has(other))
      faults.invalid(path, type, 'Approved and Denied conditions are mutually exclusive');
    if (!tolerance.repeatedTypes && seen.has(type)) faults.duplicate(`${at}.type`, type);
    seen.add(type);
  });
}
