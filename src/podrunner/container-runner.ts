import { type ChildProcess, spawn } from 'node:child_process';
import type { Container, ContainerState, ContainerStatus, Probe } from '../generated/api/core/v1.ts';
import { toTimeText } from '../machinery/values/time.ts';
import type { Clock, Timer } from '../std/clock.ts';
import type { ContainerLog } from './container-log.ts';
import { runProbe } from './probe.ts';

/** First pause before a restart; doubles up to the longest. Source: pkg/kubelet/kubelet.go (backOffPeriod, MaxContainerBackOff). */
const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 300_000;
/** A container that ran this long starts anew with the first pause. */
const BACKOFF_RESET_MS = 600_000;

export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface ContainerEvents {
  /** Something that the pod's status shows has changed. */
  changed(): void;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface ContainerRunnerOptions {
  readonly container: Container;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  readonly launch: Launch;
  readonly log: ContainerLog;
  readonly host: string;
  readonly clock: Clock;
  readonly events: ContainerEvents;
  /** Restarts counted before this process. */
  readonly restartCount: number;
}

/** Runs one container of a pod as a process: starts it, asks its probes, restarts it with back-off, stops it in grace. */
export class ContainerRunner {
  readonly #options: ContainerRunnerOptions;
  #process: ChildProcess | undefined;
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState = {};
  #restartCount: number;
  #ready = false;
  #started = false;
  #stopping = false;
  #backoffMs = FIRST_BACKOFF_MS;
  #startedMs = 0;
  #killReason: string | undefined;
  #restartTimer: Timer | undefined;
  readonly #probes: Timer[] = [];
  readonly #exited = new Set<() => void>();

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
    this.#restartCount = options.restartCount;
  }

  start(): void {
    if (this.#stopping) return;
    const { launch, log, clock, events, container } = this.#options;
    this.#startedMs = clock.nowMs();
    this.#killReason = undefined;
    // The channel tells the child when this process is gone, however it went: nothing is left behind.
    const child = spawn(launch.program, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => log.append('stdout', text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.append('stderr', text));
    child.on('error', (error) => events.event('Warning', 'Failed', `Error: ${error.message}`));
    child.on('spawn', () => {
      this.#state = { running: { startedAt: toTimeText(this.#startedMs) } };
      events.event('Normal', 'Started', `Started container ${container.name}`);
      this.#startProbes();
      events.changed();
    });
    child.on('close', (code, signal) => this.#onExit(child, code, signal));
  }

  /** Asks the process to end, and makes it end after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#restartTimer?.cancel();
    this.#stopProbes();
    const child = this.#process;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => this.#exited.add(resolve));
    child.kill('SIGTERM');
    const timer = this.#options.clock.after(graceMs, () => child.kill('SIGKILL'));
    await gone;
    timer.cancel();
  }

  status(): ContainerStatus {
    const { container } = this.#options;
    return {
      name: container.name,
      state: this.#state,
      lastState: this.#lastState,
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restartCount,
      image: container.image ?? '',
      imageID: '',
      ...(this.#process?.pid === undefined ? {} : { containerID: `process://${this.#process.pid}` }),
    };
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#process !== child) return;
    const { clock, events, container, log, restartPolicy } = this.#options;
    log.flush();
    this.#process = undefined;
    this.#stopProbes();
    const exitCode = code ?? (signal === 'SIGKILL' ? 137 : 143);
    const words = container.terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0 ? log.tail() : '';
    const ended: ContainerState = {
      terminated: {
        exitCode,
        reason: this.#killReason ?? (exitCode === 0 ? 'Completed' : 'Error'),
        ...(words === '' ? {} : { message: words }),
        startedAt: toTimeText(this.#startedMs),
        finishedAt: toTimeText(clock.nowMs()),
      },
    };
    this.#state = ended;
    this.#ready = false;
    this.#started = false;
    for (const resolve of this.#exited) resolve();
    this.#exited.clear();
    const again = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
    if (again && !this.#stopping) {
      if (clock.nowMs() - this.#startedMs > BACKOFF_RESET_MS) this.#backoffMs = FIRST_BACKOFF_MS;
      // The first restart is immediate, as a kubelet's; the pause counts from the second on.
      const delayMs = this.#restartCount === 0 ? 0 : this.#backoffMs;
      if (delayMs > 0) {
        this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
        const message = `back-off ${delayMs / 1000}s restarting failed container=${container.name}`;
        this.#lastState = ended;
        this.#state = { waiting: { reason: 'CrashLoopBackOff', message } };
        events.event('Warning', 'BackOff', `Back-off restarting failed container ${container.name}`);
      }
      this.#restartTimer = clock.after(delayMs, () => {
        this.#lastState = ended;
        this.#restartCount++;
        this.start();
      });
    }
    events.changed();
  }

  #startProbes(): void {
    const { startupProbe, livenessProbe, readinessProbe } = this.#options.container;
    const begin = (): void => {
      this.#started = true;
      if (readinessProbe === undefined) this.#ready = true;
      else this.#repeat(readinessProbe, (ok, message) => this.#onReadiness(ok, message));
      if (livenessProbe !== undefined)
        this.#repeat(livenessProbe, (ok, message) => this.#onLiveness('Liveness', ok, message));
      this.#options.events.changed();
    };
    if (startupProbe === undefined) begin();
    else {
      const timer = this.#repeat(startupProbe, (ok, message) => {
        if (!ok) return this.#onLiveness('Startup', false, message);
        timer.cancel();
        if (!this.#started) begin();
      });
    }
  }

  /** Asks at once and then periodically; reports each change over the probe's thresholds. */
  #repeat(probe: Probe, report: (ok: boolean, message: string) => void): Timer {
    const { container, host, clock } = this.#options;
    const { periodSeconds = 10, initialDelaySeconds = 0, failureThreshold = 3, successThreshold = 1 } = probe;
    const child = this.#process;
    let successes = 0;
    let failures = 0;
    let busy = false;
    let cancelled = false;
    const ask = async (counted: boolean): Promise<void> => {
      if (busy || cancelled || this.#process !== child) return;
      busy = true;
      const result = await runProbe(probe, container, host);
      busy = false;
      if (cancelled || this.#process !== child) return;
      if (result.ok) {
        failures = 0;
        if (++successes === successThreshold) report(true, '');
        return;
      }
      // Until a process answers for the first time it is asked more often, so that it counts as soon as it serves;
      // only the periodic questions count as failures.
      if (successes === 0) quick = clock.after(QUICK_PROBE_MS, () => void ask(false));
      if (!counted) return;
      successes = 0;
      if (++failures === failureThreshold) report(false, result.message);
    };
    let quick = clock.after(initialDelaySeconds * 1000, () => void ask(false));
    const timer = clock.every(periodSeconds * 1000, () => void ask(true));
    const owned: Timer = {
      cancel() {
        cancelled = true;
        quick.cancel();
        timer.cancel();
      },
    };
    this.#probes.push(owned);
    return owned;
  }

  #stopProbes(): void {
    for (const timer of this.#probes.splice(0)) timer.cancel();
  }

  #onReadiness(ok: boolean, message: string): void {
    if (this.#ready === ok) return;
    this.#ready = ok;
    if (!ok) this.#options.events.event('Warning', 'Unhealthy', `Readiness probe failed: ${message}`);
    this.#options.events.changed();
  }

  #onLiveness(kind: 'Liveness' | 'Startup', ok: boolean, message: string): void {
    if (ok) return;
    const { events, container, clock } = this.#options;
    events.event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`);
    events.event(
      'Normal',
      'Killing',
      `Container ${container.name} failed ${kind.toLowerCase()} probe, will be restarted`,
    );
    const child = this.#process;
    child?.kill('SIGTERM');
    clock.after(10_000, () => {
      if (this.#process === child) child?.kill('SIGKILL');
    });
  }
}

const QUICK_PROBE_MS = 50;
