import { join } from 'node:path';
import type { Client } from '../client/client.ts';
import type { Container, ContainerStatus, Pod } from '../generated/api/core/v1.ts';
import { pods } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import { keyOf } from '../machinery/object/object.ts';
import { toTimeText } from '../machinery/values/time.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ContainerLog } from './container-log.ts';
import { ContainerRunner, type Launch } from './container-runner.ts';
import { readEnvironment } from './environment.ts';
import { rewritePaths } from './paths.ts';
import { toPodStatus } from './pod-status.ts';
import { refusalOf } from './refusal.ts';
import { holdsFilesOf, prepareVolumes, refreshVolumes, removeVolumes, VolumeNotReadyError } from './volumes.ts';

const VOLUME_RETRY_MS = 250;

export interface WorkerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Image that this node runs, and the program that stands for it. */
  readonly image: string;
  readonly program: { readonly path: string; readonly args: readonly string[] };
  /** Environment of each process, beneath what the pod says. */
  readonly env: Readonly<Record<string, string>>;
  readonly hostIp: string;
  /** Folder of everything that pods of this node have. */
  readonly folder: string;
  event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Keeps one pod: starts its containers, reports its status, and takes it down when its deletion is asked for. */
export class PodWorker {
  readonly #deps: WorkerDeps;
  readonly #abort = new AbortController();
  readonly #startedAt: string;
  readonly logs = new Map<string, ContainerLog>();
  readonly #runners: ContainerRunner[] = [];
  #pod: Pod;
  #work: Promise<void> = Promise.resolve();
  #reporting = false;
  #reportAgain = false;
  #removing = false;

  constructor(deps: WorkerDeps, pod: Pod) {
    this.#deps = deps;
    this.#pod = pod;
    this.#startedAt = toTimeText(deps.clock.nowMs());
  }

  /** Starts the pod; faults are told in events and status. */
  start(): void {
    this.#work = this.#run().catch((error) => {
      if (this.#abort.signal.aborted) return;
      this.#deps.event(this.#pod, 'Warning', 'Failed', error instanceof Error ? error.message : String(error));
      this.#deps.logger.error('pod does not start', { pod: keyOf(this.#pod), error });
    });
  }

  isFor(namespace: string, name: string): boolean {
    return this.#pod.metadata.namespace === namespace && this.#pod.metadata.name === name;
  }

  /** Takes a newer state of the pod; a deletion mark begins its end. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined && !this.#removing) {
      this.#removing = true;
      void this.#remove();
    }
  }

  /** Brings the files of a Secret or a ConfigMap that has changed to a pod that runs. */
  refresh(kind: 'secret' | 'configMap', namespace: string | undefined, name: string | undefined): void {
    const pod = this.#pod;
    if (this.#runners.length === 0 || this.#removing || this.#abort.signal.aborted) return;
    if (pod.metadata.namespace !== namespace || !holdsFilesOf(pod, kind, name ?? '')) return;
    refreshVolumes(this.#deps.client, pod, this.#folder(), this.#abort.signal).catch((error) => {
      if (!this.#abort.signal.aborted)
        this.#deps.logger.error('files of a pod are not up to date', { pod: keyOf(pod), error });
    });
  }

  /** Stops the processes and leaves the pod's object alone: this node goes away, the pod stays bound to it. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the node stops'));
    await this.#work;
    await Promise.all(this.#runners.map((runner) => runner.stop(this.#graceMs())));
    await Promise.all([...this.logs.values()].map((log) => log.close()));
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#abort;
    const refusal = refusalOf(this.#pod, this.#deps.image);
    if (refusal !== undefined) return await this.#refuse(refusal);
    let told = '';
    for (;;) {
      try {
        await this.#startContainers();
        return;
      } catch (error) {
        if (!(error instanceof VolumeNotReadyError) || signal.aborted) throw error;
        if (error.message !== told)
          this.#deps.event(this.#pod, 'Warning', 'FailedMount', `MountVolume.SetUp failed: ${error.message}`);
        told = error.message;
        await clock.sleep(VOLUME_RETRY_MS, signal);
      }
    }
  }

  async #startContainers(): Promise<void> {
    const { client, clock, hostIp } = this.#deps;
    const pod = this.#pod;
    const { folders } = await prepareVolumes(client, pod, this.#folder(), this.#abort.signal);
    const containers = [];
    for (const container of pod.spec.containers ?? [])
      containers.push({
        container,
        env: await readEnvironment(client, pod.metadata.namespace, container, this.#abort.signal),
      });
    if (this.#abort.signal.aborted || this.#removing) return;
    for (const { container, env } of containers) {
      const log = new ContainerLog(join(this.#folder(), 'logs', `${container.name}.log`), clock);
      this.logs.set(container.name ?? '', log);
      const before = pod.status?.containerStatuses?.find(({ name }) => name === container.name);
      const runner = new ContainerRunner({
        container,
        restartPolicy: (pod.spec.restartPolicy ?? 'Always') as 'Always' | 'OnFailure' | 'Never',
        launch: this.#launchOf(container, env, folders),
        log,
        host: hostIp,
        clock,
        // A process of an earlier run of this node is gone: this one is a restart.
        restartCount:
          before?.state?.running === undefined ? (before?.restartCount ?? 0) : (before.restartCount ?? 0) + 1,
        events: {
          changed: () => void this.#report(),
          event: (type, reason, message) => this.#deps.event(this.#pod, type, reason, message),
        },
      });
      this.#runners.push(runner);
      runner.start();
    }
  }

  #launchOf(
    container: Container,
    values: Readonly<Record<string, string>>,
    folders: ReadonlyMap<string, string>,
  ): Launch {
    const { program, env } = this.#deps;
    const mounts = (container.volumeMounts ?? []).map(({ name, mountPath = '', subPath }) => ({
      mountPath,
      folder: join(folders.get(name ?? '') ?? '', subPath ?? ''),
    }));
    const own = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rewritePaths(value, mounts)]));
    return {
      program: program.path,
      args: [...program.args, ...(container.args ?? []).map((arg) => rewritePaths(arg, mounts))],
      env: { ...env, ...own },
      cwd: this.#folder(),
    };
  }

  /** The pod stays Pending, with the reason where `kubectl get pods` shows it; a controller must not make it anew forever. */
  async #refuse(message: string): Promise<void> {
    const text = `This node does not run the pod: ${message}`;
    this.#deps.event(this.#pod, 'Warning', 'NotRunnable', text);
    const containerStatuses = (this.#pod.spec.containers ?? []).map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready: false,
      started: false,
      restartCount: 0,
      state: { waiting: { reason: 'NotRunnable', message: text } },
      lastState: {},
    }));
    await this.#writeStatus({ phase: 'Pending', reason: 'NotRunnable', message: text, containerStatuses });
  }

  async #remove(): Promise<void> {
    const { client, logger } = this.#deps;
    this.#abort.abort(new Error('the pod is deleted'));
    await this.#work;
    for (const container of this.#pod.spec.containers ?? []) {
      if (this.#runners.length > 0)
        this.#deps.event(this.#pod, 'Normal', 'Killing', `Stopping container ${container.name}`);
    }
    await Promise.all(this.#runners.map((runner) => runner.stop(this.#graceMs())));
    await Promise.all([...this.logs.values()].map((log) => log.close()));
    removeVolumes(this.#folder());
    try {
      const { uid } = this.#pod.metadata;
      await client.delete(pods, keyOf(this.#pod), { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error))
        logger.error('pod is not removed', { pod: keyOf(this.#pod), error });
    }
  }

  /** Reports the newest state; reports that come meanwhile are merged into one more. */
  async #report(): Promise<void> {
    if (this.#reporting) {
      this.#reportAgain = true;
      return;
    }
    this.#reporting = true;
    try {
      do {
        this.#reportAgain = false;
        const containers: ContainerStatus[] = this.#runners.map((runner) => runner.status());
        const { hostIp, clock } = this.#deps;
        const nowText = toTimeText(clock.nowMs());
        await this.#writeStatus(
          toPodStatus({ pod: this.#pod, containers, hostIp, startedAt: this.#startedAt, nowText }),
        );
      } while (this.#reportAgain);
    } catch (error) {
      this.#deps.logger.error('pod status is not written', { pod: keyOf(this.#pod), error });
    } finally {
      this.#reporting = false;
    }
  }

  async #writeStatus(status: object): Promise<void> {
    try {
      // A merge patch replaces lists whole, and the lists of a pod's status are all this node's.
      const written = await this.#deps.client.patch(
        pods,
        keyOf(this.#pod),
        { status },
        { type: 'merge', subresource: 'status' },
      );
      if (written.metadata.uid === this.#pod.metadata.uid && !this.#removing) this.#pod = written;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #folder(): string {
    return join(this.#deps.folder, this.#pod.metadata.uid ?? '');
  }

  #graceMs(): number {
    const { metadata, spec } = this.#pod;
    return Number(metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }
}
