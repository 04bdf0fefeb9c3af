import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpTarget } from '../contestants/contestant.ts';
import { find, run } from '../process-group.ts';
import type { LoadResult } from './result.ts';

const BROWSER_FIELDS: readonly (readonly [string, string])[] = [
  [
    'User-Agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  ],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
  ['Accept-Language', 'en-GB,en;q=0.9,de;q=0.8'],
  ['Accept-Encoding', 'gzip, deflate, br, zstd'],
  ['Cache-Control', 'no-cache'],
  ['Cookie', 'session=3b1f0c7c9a1d4f7e8a55b0c2d1e4f6a7; theme=dark; consent=1'],
  ['Referer', 'https://demo.example.org/some/page?with=query'],
  ['Sec-Ch-Ua', '"Chromium";v="142", "Not_A Brand";v="99"'],
  ['Sec-Fetch-Dest', 'document'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Upgrade-Insecure-Requests', '1'],
];

/**
 * wrk, closed loop. It reads lengths and statuses, not bodies: the cases check those beside it. Its numbers are taken
 * in machine form from a script, since the text that it prints is rounded.
 */
export async function wrk(
  target: HttpTarget,
  options: { path: string; connections: number; seconds: number; folder: string; browser?: boolean },
): Promise<LoadResult> {
  const script = join(options.folder, 'wrk.lua');
  writeFileSync(script, LUA);
  const fields = options.browser === true ? BROWSER_FIELDS : [];
  const words = [
    '-t1',
    `-c${options.connections}`,
    `-d${Math.max(1, Math.round(options.seconds))}`,
    '--timeout',
    '10',
    '-s',
    script,
    '-H',
    `Host: ${target.host}`,
    ...fields.flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    `http://127.0.0.1:${target.port}${options.path}`,
  ];
  // It does not always end by itself where answers stay out.
  const out = await run(find('wrk') ?? 'wrk', words, { timeoutMs: (options.seconds + 5) * 1000 });
  const figures = /^RESULT (.*)$/m.exec(out)?.[1]?.split(' ').map(Number) ?? [];
  const [
    requests = 0,
    us = 0,
    connect = 0,
    readErrors = 0,
    write = 0,
    status = 0,
    timeout = 0,
    p50 = 0,
    p99 = 0,
    p999 = 0,
  ] = figures;
  const faults: string[] = [];
  if (requests === 0) faults.push('no request was answered');
  if (connect + readErrors + write + timeout > 0) {
    faults.push(`socket errors: connect ${connect}, read ${readErrors}, write ${write}, timeout ${timeout}`);
  }
  if (status > 0) faults.push(`${status} answers were not 2xx`);
  return {
    units: requests,
    seconds: us / 1e6,
    faults,
    latency: { p50: p50 / 1000, p99: p99 / 1000, p999: p999 / 1000 },
  };
}

const LUA = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d %d %d\\n", summary.requests, summary.duration, e.connect, e.read,
    e.write, e.status, e.timeout, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
`;
