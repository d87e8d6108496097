import { JsonSyntaxError, parseJson } from '../../machinery/codecs/json/parse.ts';

/**
 * What Go says of a text that should be a JSON object; undefined where it is one.
 *
 * Source: Go encoding/json (scanner.go, decode.go).
 */
export function goJsonFault(text: string): string | undefined {
  let value: unknown;
  try {
    ({ value } = parseJson(Buffer.from(text)));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
  if (typeof value === 'object' && !Array.isArray(value)) return undefined;
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const kind = Array.isArray(value) ? 'array' : isNumber ? 'number' : typeof value === 'boolean' ? 'bool' : 'string';
  return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
}
