import type { FieldFaults } from '../checks/field-faults.ts';
import { checkCsiDriverName, checkDnsSubdomain } from '../checks/names.ts';

/** Source of all: resource/validation. */

const MAX_POOL_NAME = 253;
const MAX_ID = 32;
/** Of the keys of attributes and capacities: a domain, a slash and an identifier. */
export const MAX_QUALIFIED_NAME = 63 + 1 + MAX_ID;

export const checkDriverName = checkCsiDriverName;

export function checkPoolName(path: string, name: string, faults: FieldFaults): void {
  if (name === '') return faults.required(path);
  if (name.length > MAX_POOL_NAME) faults.tooLong(path, MAX_POOL_NAME);
  for (const part of name.split('/')) checkDnsSubdomain(path, part, faults);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const OTHER_FORMS = [/^urn:uuid:.{36}$/is, /^\{.{36}\}$/s, /^[0-9a-f]{32}$/i];

/** What the parser of UUIDs says. Source: github.com/google/uuid (Validate). */
function uuidFault(text: string): string | undefined {
  if (text.length === 36) return UUID.test(text) ? undefined : 'invalid UUID format';
  if (text.length === 45 && !/^urn:uuid:/i.test(text)) return `invalid urn prefix: "${text.slice(0, 9)}"`;
  if (text.length === 38 && !/^\{.*\}$/s.test(text)) return 'invalid bracketed UUID format';
  if (![45, 38, 32].includes(text.length)) return `invalid UUID length: ${text.length}`;
  const inner = text.length === 32 ? text : text.slice(text.length === 45 ? 9 : 1, text.length === 45 ? 45 : 37);
  const isWell = text.length === 32 ? OTHER_FORMS.some((form) => form.test(inner)) : UUID.test(inner);
  return isWell ? undefined : 'invalid UUID format';
}

export function checkUid(path: string, uid: string, faults: FieldFaults): void {
  const fault = uuidFault(uid);
  if (fault !== undefined) faults.invalid(path, uid, `error validating uid: ${fault}`);
  else if (uid.length !== 36 || uid !== uid.toLowerCase()) {
    const why =
      'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
    faults.invalid(path, uid, why);
  }
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const IDENTIFIER_TEXT =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";

function checkIdentifier(path: string, id: string, faults: FieldFaults): void {
  if (id.length > MAX_ID) faults.tooLong(path, MAX_ID);
  if (!IDENTIFIER.test(id)) faults.invalid(path, id, IDENTIFIER_TEXT);
}

/** An identifier with or without a domain before it. Upstream says nothing of names with more slashes. */
export function checkQualifiedId(path: string, name: string, faults: FieldFaults): void {
  const [first = '', second, ...more] = name.split('/');
  if (more.length > 0) return;
  if (second === undefined) return checkIdentifier(path, first, faults);
  if (first === '') faults.invalid(path, '', 'the domain must not be empty');
  else checkDriverName(path, first, faults);
  if (second === '') faults.invalid(path, '', 'the name must not be empty');
  else checkIdentifier(path, second, faults);
}

export function checkFullId(path: string, name: string, faults: FieldFaults): void {
  checkQualifiedId(path, name, faults);
  if (!name.includes('/'))
    faults.invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
}
