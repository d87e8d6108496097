/** A chart with hooks, a definition and a test, from its installation to its end. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from './program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from './warren-server.ts';

const chart = join(import.meta.dirname, 'testdata', 'shop');

describe('helm', () => {
  let server: WarrenServer;
  let kubectl: CommandLine;
  const helm = async (line: string): Promise<string> => await server.helm(`-n market ${line}`);
  const greeting = 'get configmap corner-words -o jsonpath={.data.greeting}';
  before(async () => {
    server = await startWarrenServer();
    kubectl = await server.inNamespace('market');
    await server.join('node-a');
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('installs: the definition first, then hooks, then all the rest, and waits for it', async () => {
    const out = await helm(`install corner ${chart} --wait --timeout=60s`);
    assert.match(out, /STATUS: deployed\nREVISION: 1\n/);
    assert.match(await kubectl('get deployment corner'), /corner +2\/2 /);
    assert.equal(await kubectl('get offer corner -o jsonpath={.spec.price}'), '3');
    assert.equal(
      await kubectl(
        'get jobs -o jsonpath={range .items[*]}{.metadata.name}={.status.succeeded};{end}'.replace(
          /jsonpath=(.*)/,
          "jsonpath='$1'",
        ),
      ),
      'corner-post-install=1;corner-pre-install=1;',
    );
  });

  it('tries an upgrade on the server without leaving anything', async () => {
    assert.match(await helm(`upgrade corner ${chart} --set greeting=tried --dry-run=server`), /greeting: "tried"/);
    assert.equal(await kubectl(greeting), 'hello');
  });

  it('lists releases, and tells of one', async () => {
    assert.match(
      await helm('list'),
      /^NAME\s+NAMESPACE\s+REVISION\s+UPDATED\s+STATUS\s+CHART\s+APP VERSION\s*\ncorner\s+market\s+1\s+.*\sdeployed\s+shop-1\.0\.0\s+1\s*\n$/,
    );
    assert.match(await helm('status corner'), /STATUS: deployed\n/);
    assert.match(await helm('get manifest corner'), /kind: Deployment\n/);
    assert.match(await helm('get values corner --all'), /^greeting: hello$/m);
    assert.match(await helm('get hooks corner'), /corner-pre-install/);
    assert.match(await helm('get notes corner'), /^(NOTES:)?\s*$/);
    assert.equal(
      await kubectl('get secrets -l owner=helm,name=corner -o name'),
      'secret/sh.helm.release.v1.corner.v1\n',
    );
  });

  it('runs the tests of the chart', async () => {
    assert.match(await helm('test corner --timeout=60s'), /TEST SUITE: +corner-greets\n[\s\S]*Phase: +Succeeded\n/);
    assert.match(
      await helm('test corner --logs --timeout=60s'),
      /POD LOGS: corner-greets\nlog of market\/corner-greets\/test\n/,
    );
  });

  it('upgrades what has changed and keeps what others have changed', async () => {
    const uid = await kubectl('get deployment corner -o jsonpath={.metadata.uid}');
    await kubectl('label deployment corner own=kept');
    await helm(`upgrade corner ${chart} --set greeting=moin,replicas=1 --wait --timeout=60s`);
    assert.equal(await kubectl(greeting), 'moin');
    assert.equal(
      await kubectl('get deployment corner -o jsonpath={.spec.replicas}{.metadata.uid}{.metadata.labels.own}'),
      `1${uid}kept`,
    );
    assert.match(await helm('list -o json'), /"revision":"2"/);
    assert.equal(await kubectl('get job corner-pre-upgrade -o jsonpath={.status.succeeded}'), '1');
  });

  it('fails where a hook fails, and rolls back to a revision that worked', async () => {
    await assert.rejects(
      helm(`upgrade corner ${chart} --set greeting=never,hooks.command=false --timeout=30s`),
      /UPGRADE FAILED: pre-upgrade hooks failed/,
    );
    assert.equal(await kubectl(greeting), 'moin');
    assert.match(await helm('history corner'), /3\s+.*\sfailed\s/);
    assert.match(await helm('rollback corner 1 --wait --timeout=60s'), /Rollback was a success! Happy Helming!\n/);
    assert.equal(await kubectl(greeting), 'hello');
    await kubectl('wait deployment/corner --for=jsonpath={.status.readyReplicas}=2 --timeout=30s');
    assert.match(await helm('history corner'), /4\s+.*\sdeployed\s+shop-1\.0\.0\s+1\s+Rollback to 1/);
  });

  it('tells of conflicts with objects that it does not own', async () => {
    await kubectl('create configmap foreign-words');
    await assert.rejects(
      helm(`install foreign ${chart}`),
      /ConfigMap "foreign-words" in namespace "market" exists and cannot be imported into the current release: invalid ownership metadata/,
    );
  });

  it('takes over what is there where it is told so, and undoes an upgrade that fails', async () => {
    await helm(`install foreign ${chart} --take-ownership --skip-crds`);
    assert.equal(await kubectl('get configmap foreign-words -o jsonpath={.data.greeting}'), 'hello');
    await assert.rejects(
      helm(`upgrade foreign ${chart} --set greeting=never,hooks.command=false --rollback-on-failure --timeout=30s`),
      /release foreign failed, and has been rolled back due to rollback-on-failure being set/,
    );
    assert.equal(await kubectl('get configmap foreign-words -o jsonpath={.data.greeting}'), 'hello');
    assert.match(await helm('uninstall foreign --keep-history'), /release "foreign" uninstalled\n/);
    assert.match(await helm('history foreign'), /\suninstalled\s/);
  });

  it('installs and upgrades without server-side apply', async () => {
    const flags = '--install --server-side=false --no-hooks --skip-crds';
    assert.match(await helm(`upgrade plain ${chart} ${flags}`), /STATUS: deployed\nREVISION: 1\n/);
    await kubectl('annotate configmap plain-words own=kept');
    await helm(`upgrade plain ${chart} ${flags} --set greeting=moin,replicas=0`);
    assert.equal(
      await kubectl('get configmap plain-words -o jsonpath={.data.greeting}{.metadata.annotations.own}'),
      'moinkept',
    );
    assert.match(await helm('get all plain'), /^REVISION: 2$/m);
    await helm('uninstall plain --no-hooks');
  });

  it('uninstalls all but the definition, hooks and their remains', async () => {
    assert.match(await helm('uninstall corner --wait --timeout=60s'), /release "corner" uninstalled\n/);
    await eventually(async () =>
      assert.equal(await kubectl('get deployment,service,offer,pods -l app=corner -o name'), ''),
    );
    assert.equal(await kubectl('get job corner-post-delete -o jsonpath={.status.succeeded}'), '1');
    assert.match(await server.kubectl('get crd offers.shop.example -o name'), /offers/);
    assert.doesNotMatch(await helm('list'), /corner/);
  });
});
