import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Runs in a process of its own: what other tests import must not count. */
function loadsCel(schema: object): boolean {
  const module = new URL('./load-rules.ts', import.meta.url).href;
  const script = `
    const { registerHooks } = await import('node:module');
    let loads = false;
    registerHooks({
      load(url, context, next) {
        loads ||= url.includes('/machinery/cel/');
        return next(url, context);
      },
    });
    const { rulesEngineFor } = await import(${JSON.stringify(module)});
    rulesEngineFor(${JSON.stringify(schema)});
    console.log(loads);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.match(stdout, /^(true|false)$/m, stderr);
  return stdout.trim() === 'true';
}

describe('rulesEngineFor', () => {
  it('loads nothing for a schema without rules', () => {
    assert.equal(loadsCel({ type: 'object', properties: { a: { type: 'string' } } }), false);
  });

  it('loads the engine with the first rule', () => {
    const a = { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == "x"' }] };
    assert.equal(loadsCel({ type: 'object', properties: { a } }), true);
  });
});
