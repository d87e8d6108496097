import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import type { Container, Probe } from '../generated/api/core/v1.ts';

export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

/** Asks a container once. Certificates are not checked, as with a kubelet. Source: pkg/probe/http (2xx and 3xx pass). */
export async function runProbe(probe: Probe, container: Container, host: string): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet !== undefined) {
    const { path = '/', scheme = 'HTTP', httpHeaders = [] } = probe.httpGet;
    const port = resolvePort(probe.httpGet.port, container);
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name ?? '', value ?? '']));
    return await askHttp({
      secure: scheme === 'HTTPS',
      host: probe.httpGet.host ?? host,
      port,
      path,
      headers,
      timeoutMs,
    });
  }
  if (probe.tcpSocket !== undefined) {
    return await askTcp(probe.tcpSocket.host ?? host, resolvePort(probe.tcpSocket.port, container), timeoutMs);
  }
  return { ok: true, message: '' };
}

function resolvePort(port: number | string | undefined, container: Container): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
}

interface HttpQuestion {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly timeoutMs: number;
}

function askHttp(question: HttpQuestion): Promise<ProbeResult> {
  const { secure, host, port, path, headers, timeoutMs } = question;
  return new Promise((resolve) => {
    const options = {
      host,
      port,
      path,
      agent: false as const,
      timeout: timeoutMs,
      headers: { 'User-Agent': 'kube-probe/1.36', ...headers },
    };
    const request = secure ? httpsGet({ ...options, rejectUnauthorized: false }) : httpGet(options);
    request.on('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve({ ok: status >= 200 && status < 400, message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error) =>
      resolve({ ok: false, message: `Get "${secure ? 'https' : 'http'}://${host}:${port}${path}": ${error.message}` }),
    );
  });
}

function askTcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => finish({ ok: true, message: '' }));
    socket.on('timeout', () => finish({ ok: false, message: `dial tcp ${host}:${port}: i/o timeout` }));
    socket.on('error', (error) => finish({ ok: false, message: `dial tcp ${host}:${port}: ${error.message}` }));
  });
}
