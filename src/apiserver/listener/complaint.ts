import { methodNotAllowed } from '../route-errors.ts';

/**
 * What a client hears over HTTP/1.1 whose request cannot even be read, by the code of Node's error; undefined where its
 * connection is to end without a word. Methods that nobody knows are requests of this kind to Node.
 *
 * Nothing is said to a client that was only silent, or left: Go's clients keep spare connections on which they have
 * asked nothing yet, and log whatever comes on one as unsolicited.
 * Source: net/http `server.go` (`isCommonNetReadError` and the cases around it).
 */
export function complaintOf({ code = '' }: { readonly code?: string | undefined }): string | undefined {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
    case 'HPE_INVALID_EOF_STATE':
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined;
    case 'HPE_INVALID_METHOD':
      return answer('405 Method Not Allowed', 'application/json', `${JSON.stringify(methodNotAllowed().toStatus())}\n`);
    case 'HPE_HEADER_OVERFLOW':
      return answer('431 Request Header Fields Too Large');
    default:
      return answer('400 Bad Request');
  }
}

function answer(status: string, contentType = 'text/plain; charset=utf-8', body = status): string {
  const lines = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
