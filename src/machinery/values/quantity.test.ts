import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseQuantity, QuantityError } from './quantity.ts';

/** Go keeps a text where its quick reading finds it canonical, and writes all others anew. */
const written: Record<string, string> = {
  '5.': '5.',
  '+5': '+5',
  '010': '010',
  '1e3': '1e3',
  '1E3': '1E3',
  '1500m': '1500m',
  '1025Mi': '1025Mi',
  '.5': '500m',
  '1000m': '1',
  '12e4': '120e3',
  '1.5e3': '1500',
  '1024Mi': '1Gi',
  '0.5Gi': '512Mi',
  '1.5Gi': '1536Mi',
  '0.1n': '1n',
  '-': '0',
  '9223372036854775808': '9223372036854775808',
  '100000000000000000000': '100E',
  '8Ei': '9223372036854775807',
};

const FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const refused: Record<string, string> = {
  '': FORMAT,
  abc: FORMAT,
  '1.2.3': FORMAT,
  '1ki': "unable to parse quantity's suffix",
  '1mM': "unable to parse quantity's suffix",
};

describe('quantities', () => {
  for (const [text, shown] of Object.entries(written))
    it(`write ${text} as ${shown}`, () => assert.equal(parseQuantity(text).toString(), shown));

  for (const [text, message] of Object.entries(refused))
    it(`are not "${text}"`, () => assert.throws(() => parseQuantity(text), new QuantityError(message)));
});
