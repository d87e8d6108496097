import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { complaintOf } from './complaint.ts';

describe('what is said to clients whose request cannot be read', () => {
  for (const code of ['ERR_HTTP_REQUEST_TIMEOUT', 'HPE_INVALID_EOF_STATE', 'ECONNRESET']) {
    it(`is nothing after ${code}: spare connections of Go's clients end without a word`, () => {
      assert.equal(complaintOf({ code }), undefined);
    });
  }

  for (const [code, line] of [
    ['HPE_INVALID_METHOD', 'HTTP/1.1 405 Method Not Allowed'],
    ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431 Request Header Fields Too Large'],
    ['HPE_INVALID_CONSTANT', 'HTTP/1.1 400 Bad Request'],
    [undefined, 'HTTP/1.1 400 Bad Request'],
  ] as const) {
    it(`begins with ${line} after ${code ?? 'an error without a code'}, and ends the connection`, () => {
      const [head = '', body = ''] = (complaintOf({ code }) ?? '').split('\r\n\r\n');
      assert.equal(head.split('\r\n')[0], line);
      assert.match(head, /\r\nConnection: close$/);
      assert.match(head, new RegExp(`\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`));
    });
  }
});
