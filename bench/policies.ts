/**
 * `node bench/policies.ts [seconds] [rounds] [policies]`: what a traffic policy costs the edge. One platform, one agent, one
 * upstream. Each policy is measured right before or after the endpoint without one, in turns, and compared with
 * that neighbour alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpTarget } from './contestants/contestant.ts';
import { portico } from './contestants/portico.ts';
import { keepAlive } from './load/own.ts';
import { cpuNanoseconds, Program, stopAll } from './process-group.ts';
import { quantile } from './statistics.ts';
import { startUpstream } from './upstream.ts';

const [seconds = 0.15, rounds = 200, kinds = 2] = process.argv.slice(2).map(Number);
const checkout = join(import.meta.dirname, '..');

const POLICIES: Readonly<Record<string, object | null>> = {
  none: null,
  'the same again': null,
  'one header on requests': {
    on_http_request: [{ actions: [{ type: 'add-headers', config: { headers: { 'x-a': 'one' } } }] }],
  },
  'one header on answers': {
    on_http_response: [{ actions: [{ type: 'add-headers', config: { headers: { 'x-a': 'one' } } }] }],
  },
  'an expression and a template': {
    on_http_request: [
      {
        expressions: ["req.url.path.startsWith('/')"],
        actions: [{ type: 'add-headers', config: { headers: { 'x-ip': `\${conn.client_ip}` } } }],
      },
    ],
  },
  'ten rules that do not fire': {
    on_http_request: Array.from({ length: 10 }, (_, index) => ({
      expressions: [`req.url.path == '/not-${index}'`],
      actions: [{ type: 'deny' }],
    })),
  },
  'addresses, a limit and credentials': {
    on_http_request: [
      {
        actions: [
          { type: 'restrict-ips', config: { allow: ['127.0.0.0/8'] } },
          {
            type: 'rate-limit',
            config: {
              name: 'bench',
              algorithm: 'sliding_window',
              capacity: 1_000_000_000,
              rate: '60s',
              bucket_key: ['conn.client_ip'],
            },
          },
          { type: 'basic-auth', config: { credentials: ['user:password1'], enforce: false } },
        ],
      },
    ],
  },
};

const folder = mkdtempSync(join(tmpdir(), 'portico-policies-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(130)));
}

const upstream = await startUpstream(folder);
const running = await portico({ tunnels: ['http'] }).start(upstream, folder, async (port) => port);
const { baseDomain, http }: { baseDomain: string; http: { port: number } } = JSON.parse(
  readFileSync(join(folder, 'data/ready.json'), 'utf8'),
);
const targets: { readonly what: string; readonly target: HttpTarget; readonly micros: number[] }[] = [];
const endpoints: string[] = [];
for (const [index, [what, policy]] of Object.entries(POLICIES).entries()) {
  const host = `policy${index}.${baseDomain}`;
  const endpoint = {
    name: `policy${index}`,
    url: `http://${host}`,
    upstream: { url: `http://127.0.0.1:${upstream.httpPort}` },
    ...(policy === null ? {} : { traffic_policy: policy }),
  };
  endpoints.push(`  - ${JSON.stringify(endpoint)}\n`);
  targets.push({ what, target: { port: http.port, host, ca: null }, micros: [] });
}
// One agent for all: another one each would be warm only while its endpoint is measured.
const configFile = join(folder, 'policies.yml');
writeFileSync(configFile, `${readFileSync(join(folder, 'agent.yml'), 'utf8')}\nendpoints:\n${endpoints.join('')}`, {
  mode: 0o600,
});
const agent = new Program({
  name: 'agent',
  command: process.execPath,
  args: [join(checkout, 'apps/cli/src/main.ts'), 'start', '--all', '--config', configFile, '--log', 'stdout'],
  logFile: join(folder, 'policies.log'),
  env: {},
});
await agent.whenUp(() => agent.output.split('started tunnel').length > targets.length);

for (const { target } of targets) await keepAlive(target, { workers: 32, seconds: 0.5, path: '/1k' });
const [plain, ...rest] = targets;
const others = rest.slice(0, kinds);
if (plain === undefined) throw new Error('nothing to measure');
const shares = new Map(others.map((other) => [other, [] as number[]]));
for (let round = 0; round < rounds; round += 1) {
  for (const other of others) {
    const first = round % 2 === 0 ? plain : other;
    const one = await measure(first);
    const two = await measure(first === plain ? other : plain);
    const [without, withPolicy] = first === plain ? [one, two] : [two, one];
    shares.get(other)?.push(without / withPolicy - 1);
  }
}

print(plain.what, plain.micros, []);
for (const other of others) print(other.what, other.micros, shares.get(other) ?? []);
await stopAll();
await running.stop();
await upstream.stop();
process.exit(0);

/** Microseconds of the edge's CPU for one request. */
async function measure({ target, micros }: (typeof targets)[number]): Promise<number> {
  const before = cpuNanoseconds(running.server());
  const { units, faults } = await keepAlive(target, { workers: 32, seconds, path: '/1k' });
  if (faults.length > 0) throw new Error(faults.join('; '));
  const cost = (cpuNanoseconds(running.server()) - before) / 1_000 / units;
  micros.push(cost);
  return cost;
}

function print(what: string, unsorted: readonly number[], unsortedShares: readonly number[]): void {
  const micros = unsorted.toSorted((a, b) => a - b);
  const shares = unsortedShares.toSorted((a, b) => a - b);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const change =
    shares.length === 0
      ? ''
      : `${percent(quantile(shares, 0.5))} (${percent(quantile(shares, 0.25))} to ${percent(quantile(shares, 0.75))})`;
  process.stdout.write(`${what.padEnd(36)} ${quantile(micros, 0.5).toFixed(1).padStart(7)} µs   ${change}\n`);
}
