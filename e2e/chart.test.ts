/** What the chart promises to those who install and watch it, by what the real helm makes of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Deployment } from '../src/generated/api/apps/v1.ts';
import type { Job } from '../src/generated/api/batch/v1.ts';
import type { Pod, PodSpec } from '../src/generated/api/core/v1.ts';
import type { KubeObject } from '../src/machinery/object/object.ts';
import type { VirtualCluster } from '../src/operator/api/virtual-cluster.ts';
import { createOperatorMetrics } from '../src/operator/metrics.ts';
import { clientPath, run } from './clients.ts';

const chart = join(import.meta.dirname, '..', 'charts', 'warren');
const everything = [
  'replicaCount=2',
  'crds.keep=false',
  'networkPolicy.enabled=true',
  'metrics.serviceMonitor.enabled=true',
  'metrics.prometheusRule.enabled=true',
  'metrics.dashboard.enabled=true',
];

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

async function render(...sets: string[]): Promise<readonly KubeObject[]> {
  const args = ['template', 'warren', chart, '-n', 'warren-system', ...sets.flatMap((set) => ['--set', set])];
  const { code, stdout, stderr } = await run(clientPath('helm'), args);
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout).flatMap((document) => (document.toJS() as KubeObject | null) ?? []);
}

/** The pods that an object stands for. */
function podOf(object: KubeObject): PodSpec | undefined {
  if (object.kind === 'Pod') return (object as Pod).spec;
  if (object.kind === 'Deployment' || object.kind === 'Job') return (object as Deployment | Job).spec?.template.spec;
  return undefined;
}

describe('the chart', () => {
  it('runs no pod that Pod Security refuses where it restricts most, or that writes to its image', async () => {
    const pods = (await render(...everything)).flatMap((object) => podOf(object) ?? []);
    assert.equal(pods.length, 3, 'the operator, the test, and the look before an uninstallation');
    for (const { securityContext, containers } of pods) {
      assert.equal(securityContext?.runAsNonRoot, true);
      assert.equal(securityContext?.seccompProfile?.type, 'RuntimeDefault');
      for (const { securityContext: own } of containers)
        assert.deepEqual(own, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
    }
  });

  it('looks for tenants before an uninstallation only where that would strand them', async () => {
    const jobs = async (...sets: string[]) => (await render(...sets)).filter(({ kind }) => kind === 'Job').length;
    assert.deepEqual([await jobs(), await jobs('crds.keep=false')], [0, 1]);
  });

  it('keeps the CRDs with the release gone, unless told otherwise', async () => {
    const kept = async (...sets: string[]) =>
      (await render(...sets))
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy']);
    assert.ok((await kept()).every((policy) => policy === 'keep'));
    assert.ok((await kept('crds.keep=false')).every((policy) => policy === undefined));
  });

  it('asks for metrics that there are, in its dashboard and its alerts', async () => {
    const metrics = createOperatorMetrics();
    metrics.leads(true);
    metrics.controller.reconciled('virtualcluster', 'done', 1);
    metrics.controller.depth('virtualcluster', 0);
    metrics.seen({ metadata: { namespace: 'default', name: 'demo' } } as VirtualCluster, { phase: 'Ready' });
    const known = new Set([...(await metrics.text()).matchAll(/^([a-z_]+)(?=[{ ])/gm)].map(([, name]) => name));
    const objects = await render(...everything);
    const dashboard = JSON.parse(readFileSync(join(chart, 'dashboards', 'warren.json'), 'utf8')) as unknown;
    const rules = objects
      .filter(({ kind }) => kind === 'PrometheusRule')
      .flatMap((object) => (object as unknown as { spec: { groups: { rules: Rule[] }[] } }).spec.groups)
      .flatMap((group) => group.rules);
    const queries = [...queriesOf(dashboard), ...rules.map(({ expr }) => expr)];
    assert.ok(queries.length > 10);
    for (const query of queries)
      for (const name of metricsOf(query))
        assert.ok(known.has(name), `${name} of ${query} is no metric of the operator`);
  });
});

/** Every `expr` below a value. */
function queriesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : queriesOf(inner),
  );
}

/** Names of metrics in PromQL: what is neither a label, nor text, nor called, nor a word of the language. */
function metricsOf(query: string): string[] {
  const bare = query
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  return [...bare.matchAll(/\b([a-z_][a-z0-9_]*)\b(?!\s*\()/g)]
    .map(([, name = '']) => name)
    .filter((name) => !['or', 'and', 'unless', 'sum', 'max', 'min', 'count', 'avg', 'bool'].includes(name));
}
