import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../../std/clock.ts';
import type { MetricsRegistry } from './metrics-registry.ts';

/** Bytes of a page of memory, and ticks of the kernel in a second, on all machines that matter. */
const PAGE_BYTES = 4096;
const TICKS = 100;

/**
 * Figures of this process under the names of the Prometheus clients, and of Node's memory and loop. Read when somebody
 * asks; what the system does not tell is left out.
 */
export function collectProcessMetrics(registry: MetricsRegistry, clock: Clock): void {
  const cpu = registry.counter({ name: 'process_cpu_seconds_total', help: 'Seconds of processor time.' });
  const start = registry.gauge({ name: 'process_start_time_seconds', help: 'When the process began, in Unix time.' });
  const resident = registry.gauge({ name: 'process_resident_memory_bytes', help: 'Memory in use.' });
  const heapUsed = registry.gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Heap of JavaScript in use.' });
  const heapTotal = registry.gauge({ name: 'nodejs_heap_size_total_bytes', help: 'Heap of JavaScript.' });
  const external = registry.gauge({ name: 'nodejs_external_memory_bytes', help: 'Memory of buffers.' });
  const lag = registry.gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Time until the loop came round just now.',
  });
  const version = registry.gauge({
    name: 'nodejs_version_info',
    help: 'Version of Node.',
    labels: ['version', 'major', 'minor', 'patch'],
  });
  const [major = '', minor = '', patch = ''] = process.versions.node.split('.');
  version.set(version.series(process.version, major, minor, patch), 1);
  start.set(0, Math.round(clock.nowMs() / 1000 - process.uptime()));
  registry.collect(async () => {
    const { user, system } = process.cpuUsage();
    cpu.set(0, (user + system) / 1e6);
    const memory = process.memoryUsage();
    resident.set(0, memory.rss);
    heapUsed.set(0, memory.heapUsed);
    heapTotal.set(0, memory.heapTotal);
    external.set(0, memory.external);
    collectFromProc(registry);
    const before = clock.nowMs();
    await new Promise((resolve) => setImmediate(resolve));
    lag.set(0, (clock.nowMs() - before) / 1000);
  });
}

/** What the system shows for no limit at all: all bits of 64. */
const UNLIMITED = 2 ** 64;

/** Linux alone has these. */
function collectFromProc(registry: MetricsRegistry): void {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const gauge = (name: string, help: string, value: number): void => registry.gauge({ name, help }).set(0, value);
    gauge('process_virtual_memory_bytes', 'Size of the address space.', Number(fields[20]));
    gauge('process_resident_memory_bytes', 'Memory in use.', Number(fields[21]) * PAGE_BYTES);
    registry
      .counter({ name: 'process_cpu_seconds_total', help: 'Seconds of processor time.' })
      .set(0, (Number(fields[11]) + Number(fields[12])) / TICKS);
    gauge('process_open_fds', 'Files and sockets that are open.', readdirSync('/proc/self/fd').length);
    const limits = readFileSync('/proc/self/limits', 'utf8');
    gauge('process_max_fds', 'Files and sockets that may be open.', limitOf(limits, 'Max open files'));
    gauge('process_virtual_memory_max_bytes', 'Limit of the address space.', limitOf(limits, 'Max address space'));
    const octets = octetsOf(readFileSync('/proc/self/net/netstat', 'utf8'));
    const counter = (name: string, help: string, value: number): void => registry.counter({ name, help }).set(0, value);
    counter('process_network_receive_bytes_total', 'Bytes that came over the network.', octets('InOctets'));
    counter('process_network_transmit_bytes_total', 'Bytes that went over the network.', octets('OutOctets'));
  } catch {
    // Another system.
  }
}

function limitOf(text: string, name: string): number {
  const value = text
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim()
    .split(/\s+/)[0];
  return value === 'unlimited' ? UNLIMITED : Number(value);
}

/** Names stand in one line, numbers in the next. */
function octetsOf(netstat: string): (name: string) => number {
  const [names = [], values = []] = netstat
    .split('\n')
    .filter((line) => line.startsWith('IpExt:'))
    .map((line) => line.split(' '));
  return (name) => Number(values[names.indexOf(name)] ?? 0);
}
