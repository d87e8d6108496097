import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldInvalid } from './field-error.ts';

const cases: Record<string, [unknown, string]> = {
  'quotes texts as Go does': ['a"\u0000é\n', 'Invalid value: "a\\"\\x00é\\n": x'],
  'shows numbers plainly': [3, 'Invalid value: 3: x'],
  'shows objects as JSON that is safe in HTML': [{ a: '<&>' }, 'Invalid value: {"a":"\\u003c\\u0026\\u003e"}: x'],
  'shows nothing as null': [undefined, 'Invalid value: null: x'],
};

describe('the text of a fault', () => {
  for (const [name, [value, expected]] of Object.entries(cases))
    it(name, () => assert.equal(fieldInvalid('f', value, 'x').text(), expected));
});
