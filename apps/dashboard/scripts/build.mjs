/**
 * Builds the dashboard into `.next/standalone`, ready to be started by `launch.mjs`. Needs no network. Ends with the exit
 * code of `next build`, or with 1 when a page's script has grown too big.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { firstLoad, firstLoadBytesMax } from './first-load.ts';
import { prepare } from './prepare.mjs';

const app = join(import.meta.dirname, '..');
const next = createRequire(join(app, 'package.json')).resolve('next/dist/bin/next');

const build = spawnSync(process.execPath, [next, 'build'], {
  cwd: app,
  stdio: 'inherit',
  env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
});
if (build.status !== 0) process.exit(build.status ?? 1);
prepare(app);

let tooBig = false;
for (const { page, bytes } of firstLoad(app)) {
  const verdict = bytes > firstLoadBytesMax ? `more than ${firstLoadBytesMax / 1000} kB` : 'ok';
  if (bytes > firstLoadBytesMax) tooBig = true;
  process.stdout.write(`${page.padEnd(28)} ${(bytes / 1000).toFixed(1).padStart(7)} kB of script, gzip: ${verdict}\n`);
}
process.exit(tooBig ? 1 : 0);
