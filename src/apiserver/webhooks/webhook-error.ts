import type { Status } from '../../generated/api/meta/v1.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';

/** The largest that HTTP can carry. */
const MAX_CODE = 999;

/** A webhook that could not be asked, or that gave no answer which counts: its failure policy decides. */
export class CallingWebhookError extends Error {
  override readonly name = 'CallingWebhookError';

  /** @param why - What went wrong, in upstream's words. */
  constructor(webhook: string, why: string, options?: ErrorOptions) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`, options);
  }
}

/** What a client gets that a webhook said no to. Source: apiserver `admission/plugin/webhook/errors/statuserror.go`. */
export function rejection(webhook: string, result: Status | undefined): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { message, reason, code = 0 } = result ?? {};
  const text = message ? `${denied}: ${message}` : reason ? `${denied}: ${reason}` : `${denied} without explanation`;
  const sent = Math.min(Math.max(code, 400), MAX_CODE);
  return StatusError.fromStatus({ ...result, code: sent, message: text } as Status, 400);
}

export function dryRunUnsupported(webhook: string): StatusError {
  return badRequest(`admission webhook ${JSON.stringify(webhook)} does not support dry run`);
}

/** The request's own time is over, not only a webhook's. */
export function requestTimedOut(): StatusError {
  const message = 'Timeout: request did not complete within requested timeout';
  return new StatusError({ code: 504, reason: 'Timeout', message, details: {} });
}

/**
 * What an answer other than 2xx stands for: the `Status` that it carries, or a sentence for its code.
 * Source: client-go `rest/request.go`, apimachinery `pkg/api/errors` (NewGenericServerResponse).
 */
export function unexpectedAnswer(code: number, body: Buffer): StatusError {
  const text = body.toString('utf8');
  const status = readStatus(text);
  if (status !== undefined) return StatusError.fromStatus(status, code);
  const shown = text.trim() === '' ? 'unknown' : text.trim();
  const internal = `an error on the server (${JSON.stringify(shown)}) has prevented the request from succeeding`;
  const known = sentences[code];
  const message =
    known === undefined
      ? code >= 500
        ? internal
        : `the server responded with the status code ${code} but did not return more information`
      : known(shown);
  return new StatusError({ code, reason: code >= 500 ? 'InternalError' : '', message });
}

function readStatus(text: string): Status | undefined {
  try {
    const value = JSON.parse(text) as { kind?: unknown; apiVersion?: unknown; status?: unknown };
    return value?.kind === 'Status' && value.apiVersion === 'v1' && value.status === 'Failure'
      ? (value as Status)
      : undefined;
  } catch {
    return undefined;
  }
}

const sentences: Readonly<Record<number, (text: string) => string>> = {
  400: () => 'the server rejected our request for an unknown reason',
  401: () => 'the server has asked for the client to provide credentials',
  403: (text) => text,
  404: () => 'the server could not find the requested resource',
  405: () => 'the server does not allow this method on the requested resource',
  406: (text) => text,
  409: () => 'the server reported a conflict',
  413: (text) => text,
  415: (text) => text,
  422: () => 'the server rejected our request due to an error in our request',
  429: () => 'the server has received too many requests and has asked us to try again later',
  503: () => 'the server is currently unable to handle the request',
  504: () => 'the server was unable to return a response in the time allotted, but may still be processing the request',
};
