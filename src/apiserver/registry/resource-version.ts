import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';

const UINT64_MAX = 18446744073709551615n;

/** Why a text is no resourceVersion, as Go says it; undefined where it is one. */
export function resourceVersionFault(text: string): string | undefined {
  const head = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}:`;
  if (!/^\d+$/.test(text)) return `${head} invalid syntax`;
  return BigInt(text) > UINT64_MAX ? `${head} value out of range` : undefined;
}

/** The revision of a list or watch request; undefined where none is given. @throws StatusError 400 */
export function parseResourceVersion(text: string): bigint | undefined {
  if (text === '') return undefined;
  const fault = resourceVersionFault(text);
  if (fault !== undefined) throw badRequest(`invalid resource version: ${fault}`);
  return BigInt(text);
}

/** The answer to a revision that has not come within three seconds. Source: apiserver `pkg/storage/errors.go`. */
export function tooLargeResourceVersion(wanted: bigint, current: bigint): StatusError {
  return new StatusError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
