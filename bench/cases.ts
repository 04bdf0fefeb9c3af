import type { HttpTarget, RunningContestant } from './contestants/contestant.ts';
import {
  besideBulk,
  checkUpload,
  churn,
  eventFanOut,
  handshakes,
  http2,
  keepAlive,
  openLoop,
  parallelStreams,
  tcpBulk,
  webSocketEcho,
} from './load/own.ts';
import type { LoadResult } from './load/result.ts';
import { wrk } from './load/wrk.ts';
import { find } from './process-group.ts';
import { type BodyPath, uploadBody } from './upstream.ts';

export interface CaseContext {
  readonly seconds: number;
  readonly folder: string;
  readonly quick: boolean;
}

export interface Case {
  readonly id: string;
  readonly title: string;
  /** What CPU time is divided by. */
  readonly unit: string;
  /** Part of the quick run. */
  readonly quick: boolean;
  /** Also for the minor contestants. */
  readonly isForAll: boolean;
  /** Null where the contestant has nothing of the kind. */
  load(contestant: RunningContestant, context: CaseContext): (() => Promise<LoadResult>) | null;
}

const MAIN_CASES = ['1k-64', '1k-1', 'churn', 'down', 'up'];

export const cases: readonly Case[] = [
  { ...requests('1k-64', '1 KB, keep-alive, 64 connections', '/1k', 64), quick: true },
  { ...requests('1k-1', '1 KB, keep-alive, 1 connection', '/1k', 1), quick: true },
  requests('1k-256', '1 KB, keep-alive, 256 connections', '/1k', 256),
  requests('browser', '1 KB, 12 header fields of a browser, 64 connections', '/1k', 64, true),
  overHttp('churn', 'A new connection for each request, 1 KB', 'request', true, (target, { seconds }) =>
    churn(target, { workers: 32, seconds, path: '/1k' }),
  ),
  { ...requests('down', '1 MB down, 8 connections', '/1m', 8), quick: true },
  overHttp('up', '1 MB up, 8 connections', 'request', true, async (target, { seconds }) => {
    const fault = await checkUpload(target);
    const result = await keepAlive(target, { workers: 8, seconds, path: '/up', upload: uploadBody });
    return fault === null ? result : { ...result, faults: [...result.faults, fault] };
  }),
  overTcp('tcp-down', 'One TCP stream down', 'MiB', (port, { quick }) =>
    tcpBulk(port, { direction: 'down', bytes: bulkBytes(quick) }),
  ),
  overTcp('tcp-up', 'One TCP stream up', 'MiB', (port, { quick }) =>
    tcpBulk(port, { direction: 'up', bytes: bulkBytes(quick) }),
  ),
  overTcp('streams', '100 TCP streams side by side', 'MiB', (port, { seconds }) =>
    parallelStreams(port, { streams: 100, seconds }),
  ),
  overHttp(
    'beside-bulk',
    '100 small requests a second beside 4 downloads',
    'small request',
    false,
    (target, { seconds }) => besideBulk(target, { downloads: 4, seconds }),
  ),
  overHttp('open-loop', '500 requests a second, open loop', 'request', false, (target, { seconds }) =>
    openLoop(target, { perSecond: 500, seconds, path: '/1k' }),
  ),
  overHttps('https', '1 KB over HTTPS, keep-alive, 16 connections', 'request', (target, { seconds }) =>
    keepAlive(target, { workers: 16, seconds, path: '/1k' }),
  ),
  overHttps('handshakes', 'TLS handshakes, ECDSA P-256, none resumed', 'handshake', (target, { seconds }) =>
    handshakes(target, { workers: 16, seconds }),
  ),
  overHttps('http2', 'HTTP/2, one connection, 100 streams, 1 KB', 'request', (target, { seconds }) =>
    http2(target, { streams: 100, seconds }),
  ),
  overHttp('websocket', 'WebSocket echo, 64 connections, 125 bytes', 'message', false, (target, { seconds }) =>
    webSocketEcho(target, { connections: 64, seconds }),
  ),
  overHttp('events', 'Events to 200 listeners', 'event', false, (target, { seconds }) =>
    eventFanOut(target, { listeners: 200, seconds }),
  ),
];

function bulkBytes(quick: boolean): number {
  return (quick ? 64 : 1024) * 1024 * 1024;
}

function requests(id: string, title: string, path: BodyPath, connections: number, browser = false): Case {
  return overHttp(id, title, 'request', false, async (target, { seconds, folder }) => {
    if (find('wrk') === null) return keepAlive(target, { workers: connections, seconds, path });
    // wrk does not look at bodies: a witness beside it does, ten times a second, and its requests count.
    const [load, witness] = await Promise.all([
      wrk(target, { path, connections, seconds, folder, browser }),
      openLoop(target, { perSecond: 10, seconds, path }),
    ]);
    return { ...load, units: load.units + witness.units, faults: [...load.faults, ...witness.faults] };
  });
}

function overHttp(
  id: string,
  title: string,
  unit: string,
  quick: boolean,
  load: (target: HttpTarget, context: CaseContext) => Promise<LoadResult>,
): Case {
  return {
    id,
    title,
    unit,
    quick,
    isForAll: MAIN_CASES.includes(id),
    load: ({ http }, context) => (http === null ? null : () => load(http, context)),
  };
}

function overHttps(
  id: string,
  title: string,
  unit: string,
  load: (target: HttpTarget, context: CaseContext) => Promise<LoadResult>,
): Case {
  return {
    id,
    title,
    unit,
    quick: false,
    isForAll: true,
    load: ({ https }, context) => (https === null ? null : () => load(https, context)),
  };
}

function overTcp(
  id: string,
  title: string,
  unit: string,
  load: (port: number, context: CaseContext) => Promise<LoadResult>,
): Case {
  return {
    id,
    title,
    unit,
    quick: false,
    isForAll: false,
    load: ({ tcpPort }, context) => (tcpPort === null ? null : () => load(tcpPort, context)),
  };
}
