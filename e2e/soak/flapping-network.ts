import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectServer, type ServerSession } from '@portico/agent/testing';
import { buildNpmPackage } from '@portico/cli/packaging';
import { startRelay } from '../support/relay.ts';

/**
 * `node e2e/soak/flapping-network.ts [hours] [seconds between cuts]`: the packed client behind a network that is cut
 * every minute, with requests all the time. `node e2e/soak/flapping-network.ts --cuts 600`: that many cuts, each as soon
 * as five requests were answered, and a client that does not wait before it dials. Prints a line a cut, and exits with 1
 * when the client was not back under its URL, when an exchange failed between cuts, or when its memory grew: the median
 * of the last quarter is compared with that of the second one, and a line is fitted to the last half.
 */
const isFast = process.argv[2] === '--cuts';
const hours = Number(isFast ? 0 : (process.argv[2] ?? '24'));
const secondsBetween = isFast ? 0 : Number(process.argv[3] ?? '60');
const cuts = isFast ? Number(process.argv[3]) : Math.max(8, Math.round((hours * 3600) / secondsBetween));
const allowedGrowth = 1.1;
const backWithinMs = 30_000;
/** The wait before a try is drawn between 0 and a limit: without chance it is 0. */
const noWaits = ['--import', 'data:text/javascript,Math.random=()=>0'];

const home = await mkdtemp(join(tmpdir(), 'portico-soak-'));
const server = await ConnectServer.start();
const relay = await startRelay({ host: '127.0.0.1', port: server.port });
const app = createServer((request, response) => response.end(`did ${request.url}`));
await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
await writeFile(join(home, 'ca.pem'), server.caPem);
const config = join(home, 'agent.yml');
await writeFile(
  config,
  `version: 3\nagent: {authtoken: tok, connect_url: "127.0.0.1:${relay.port}", connect_cas: ca.pem, web_addr: "127.0.0.1:0", inspect_db_size: 1000000}\n`,
);
await buildNpmPackage(join(home, 'build'));
const { port } = app.address() as AddressInfo;
const child = spawn(
  process.execPath,
  [
    ...(isFast ? noWaits : []),
    join(home, 'build/package/bin/portico.js'),
    'http',
    String(port),
    '--subdomain',
    'soak',
    '--config',
    config,
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
let failure: string | null = null;
// Stopped early, it leaves nothing behind.
process.once('exit', () => child.kill('SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
child.once('exit', (code) => {
  failure ??= `the client ended with ${code}`;
});

const residentMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A live session with the endpoint bound, within a time; null when there is none. */
async function backOnline(before: ServerSession | null): Promise<ServerSession | null> {
  const untilMs = performance.now() + backWithinMs;
  while (performance.now() < untilMs) {
    const { live } = server;
    // The server may not have heard of the cut yet.
    if (live !== undefined && live !== before && live.binds.size === 1) return live;
    await sleep(20);
  }
  return null;
}

const samples: number[] = [];
let exchanges = 0;
let last: ServerSession | null = null;
for (let n = 0; n < cuts && failure === null; n += 1) {
  const session: ServerSession | null = await backOnline(last);
  if (session === null) {
    failure = `not back within ${backWithinMs / 1000} s after cut ${n}`;
    break;
  }
  last = session;
  const backMs = performance.now();
  const until = exchanges + 5;
  const isOver = (): boolean => (isFast ? exchanges >= until : performance.now() - backMs >= secondsBetween * 1000);
  while (!isOver() && failure === null) {
    const path = `/${n}-${exchanges}`;
    const visitor = session.visit({ first: `GET ${path} HTTP/1.1\r\nhost: soak\r\nconnection: close\r\n\r\n` });
    const answer = await visitor.ended.catch((error: unknown) => String(error));
    visitor.stream.end();
    if (!answer.toString().includes(`did ${path}`))
      failure = `${path} was answered with ${answer.toString().slice(0, 200)}`;
    exchanges += 1;
    if (!isFast) await sleep(50);
  }
  samples.push(residentMb());
  if (!isFast || n % 25 === 24)
    process.stdout.write(`cut ${n + 1} of ${cuts}: ${exchanges} exchanges, ${samples.at(-1)?.toFixed(1)} MB\n`);
  relay.cut();
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
/** Least squares, in units a step. */
function slope(values: readonly number[]): number {
  const meanX = (values.length - 1) / 2;
  const meanY = values.reduce((sum, y) => sum + y, 0) / values.length;
  const covariance = values.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / values.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
}

const kbPerCut = slope(samples.slice(Math.floor(samples.length / 2))) * 1024;
const quarter = Math.floor(samples.length / 4);
const [early, late] = [median(samples.slice(quarter, 2 * quarter)), median(samples.slice(-quarter))];
if (failure === null && late > early * allowedGrowth)
  failure = `memory grew from ${early.toFixed(1)} to ${late.toFixed(1)} MB`;
process.stdout.write(
  `${kbPerCut.toFixed(1)} KB a cut over the last ${Math.ceil(samples.length / 2)} cuts\n${failure ?? `flat: ${early.toFixed(1)} MB, then ${late.toFixed(1)} MB, ${exchanges} exchanges, ${samples.length} cuts`}\n`,
);
child.kill('SIGINT');
await relay.close();
await server.close();
app.close();
app.closeAllConnections();
await rm(home, { recursive: true, force: true });
process.exit(failure === null ? 0 : 1);
