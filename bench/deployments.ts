/** A Deployment of 1,000 replicas on 100 simulated machines: up, to another template, and down; and what idling costs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSimulatedNodes } from '../e2e/controllers/simulated-nodes.ts';
import type { Deployment } from '../src/generated/api/apps/v1.ts';
import { deployments, pods } from '../src/generated/resource-types.ts';
import { residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const NODES = 100;
const REPLICAS = 1000;
const IDLE_MS = 30_000;
const key = { namespace: 'default', name: 'web' };

const deployment: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...key },
  spec: {
    replicas: REPLICAS,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } }],
        terminationGracePeriodSeconds: 1,
      },
    },
  },
};

/** Seconds of a core that the process has used so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  const { client, pid } = server;
  const kubeconfig = join(folder, 'server', 'cred', 'admin.kubeconfig');
  const machines = await startSimulatedNodes({ kubeconfig, count: NODES, cpu: '32' });
  await wait(3000);

  /** Waits until it is true; shows the pods a second and the CPU that the server took for them. */
  async function measure(what: string, isTrue: () => Promise<boolean>, act: () => Promise<unknown>): Promise<void> {
    const [startedMs, cpu] = [performance.now(), cpuSeconds(pid)];
    await act();
    while (!(await isTrue())) {
      if (performance.now() - startedMs > 300_000) throw new Error(`${what}: not done within 5 minutes`);
      await wait(200);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const used = cpuSeconds(pid) - cpu;
    const note = `${seconds.toFixed(1)} s, ${used.toFixed(1)} s of CPU, ${residentMb(pid).toFixed(0)} MB`;
    show(what, `${(REPLICAS / seconds).toFixed(0)} pods/s`, note);
  }
  const isComplete = async (): Promise<boolean> => {
    const { metadata, status } = await client.get(deployments, key);
    if (status?.observedGeneration !== metadata.generation) return false;
    return [status?.replicas, status?.updatedReplicas, status?.availableReplicas].every((each) => each === REPLICAS);
  };
  const isEmpty = async (): Promise<boolean> =>
    (await client.list(pods, { namespace: 'default', limit: 1 })).items.length === 0;
  const patch = (spec: object): Promise<unknown> => client.patch(deployments, key, { spec }, { type: 'strategic' });

  await measure(`Deployment of ${REPLICAS}, until all are available`, isComplete, () =>
    client.create(deployments, deployment),
  );
  await measure('another template, a quarter at a time', isComplete, () =>
    patch({ template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } }),
  );
  await measure('down to none, until all are gone', isEmpty, () => patch({ replicas: 0 }));
  await wait(5000);
  const before = cpuSeconds(pid);
  await wait(IDLE_MS);
  const share = ((cpuSeconds(pid) - before) / (IDLE_MS / 1000)) * 100;
  show(`idle with ${NODES} machines`, `${share.toFixed(1)} %`, `of a core, ${residentMb(pid).toFixed(0)} MB`);
  await machines[Symbol.asyncDispose]();
  await server.stop();
});
