#!/usr/bin/env node
// Turns a fresh clone on a machine with only Node >= 20 and npm into a running Portico: installs the pinned Node and
// pnpm, the dependencies, the generated code and the dashboard's build, each only when its inputs changed, and then
// runs the wanted command with that Node. Plain JavaScript, since it runs on the caller's Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const toolchain = join(root, 'tools/toolchain');
const stamps = join(root, '.stamps');
const node = join(toolchain, `node_modules/node-linux-${process.arch}/bin/node`);
const pnpm = join(toolchain, `node_modules/@pnpm/exe.linux-${process.arch}/pnpm`);

const commands = {
  start: { script: 'apps/platform/src/main.ts', dashboard: true },
  test: { script: 'scripts/test.ts', dashboard: true },
  'test:long': { script: 'scripts/test.ts', dashboard: true, args: ['--long'] },
  check: { script: 'scripts/check.ts', dashboard: false },
  bench: { script: 'bench/main.ts', dashboard: true },
  prepare: { script: null, dashboard: true },
};

const [command = 'start', ...args] = process.argv.slice(2);
const wanted = commands[command];
if (wanted === undefined) fail(`unknown command ${command}; known: ${Object.keys(commands).join(', ')}`);
checkMachine();

const env = {
  ...process.env,
  PATH: `${dirname(node)}:${dirname(pnpm)}:${process.env.PATH ?? ''}`,
  NEXT_TELEMETRY_DISABLED: '1',
};
const display = createDisplay();
await withLock(async () => {
  await step('toolchain', 'Node 24 and pnpm', fingerprint([join(toolchain, 'package-lock.json')]), [node, pnpm], () =>
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], toolchain),
  );
  await step('dependencies', 'dependencies', fingerprint(manifests()), [join(root, 'node_modules/.pnpm')], () =>
    run(pnpm, ['install', '--frozen-lockfile'], root, { CI: process.env.CI ?? '1' }),
  );
  await step(
    'database-client',
    'database client',
    fingerprint([join(root, 'prisma/schema.prisma'), join(root, 'pnpm-lock.yaml')]),
    [join(root, 'packages/db/src/generated/client.ts')],
    () => run(node, ['scripts/prisma-generate.mjs'], root),
  );
  if (wanted.dashboard) {
    await step(
      'dashboard',
      'dashboard build',
      fingerprint([...files('apps/dashboard'), ...files('packages/api-contract/src'), join(root, 'pnpm-lock.yaml')]),
      [join(root, 'apps/dashboard/.next/standalone')],
      () => run(node, ['apps/dashboard/scripts/build.mjs'], root),
    );
  }
});
display.done();
if (wanted.script !== null) become(node, [wanted.script, ...(wanted.args ?? []), ...args]);

/** Runs one step unless its stamp says that nothing it depends on has changed since it last succeeded. */
async function step(name, title, key, outputs, work) {
  const stamp = join(stamps, name);
  if (outputs.every(existsSync) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  rmSync(stamp, { force: true });
  display.begin(title);
  await work();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, key);
  display.end();
}

/** Two starts at once in one checkout take turns; a lock whose owner is gone is taken over. */
async function withLock(work) {
  mkdirSync(stamps, { recursive: true });
  const lock = join(stamps, 'lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`${relative(root, lock)} cannot be written: ${error.message}`);
      if (!isAlive(Number(readOr(lock, '0')))) rmSync(lock, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Runs a program quietly; shows what it printed only if it fails. */
function run(program, programArgs, cwd, extra = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, programArgs, { cwd, env: { ...env, ...extra }, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const forward = (signal) => child.kill(signal);
    process.once('SIGINT', forward);
    process.once('SIGTERM', forward);
    child.on('error', (error) => fail(`${program} cannot be run: ${error.message}`));
    child.on('close', (code, signal) => {
      process.off('SIGINT', forward);
      process.off('SIGTERM', forward);
      if (code === 0) return resolve();
      rmSync(join(stamps, 'lock'), { force: true });
      process.stderr.write(`\n${Buffer.concat(output).toString()}\n`);
      fail(
        `${relative(root, program) || program} ${programArgs.join(' ')} ended with ${signal ?? `exit code ${code}`}`,
      );
    });
  });
}

/** Hands the terminal and every signal to the program, and ends as it ends. */
function become(program, programArgs) {
  // The channel tells the platform that this process was killed, so that it stops as well.
  const stdio = ['inherit', 'inherit', 'inherit', ...(command === 'start' ? ['ipc'] : [])];
  const child = spawn(program, programArgs, { cwd: root, env, stdio });
  // At a terminal Ctrl-C reaches the child by itself; a signal sent to this process alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('error', (error) => fail(`${program} cannot be run: ${error.message}`));
  child.on('close', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : 15);
  });
}

function fingerprint(paths) {
  const hash = createHash('sha256').update(process.arch);
  for (const path of paths) {
    hash.update(relative(root, path)).update('\0');
    hash.update(existsSync(path) ? readFileSync(path) : '').update('\0');
  }
  return hash.digest('hex');
}

function manifests() {
  const found = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'e2e/package.json'].map((name) =>
    join(root, name),
  );
  for (const group of ['apps', 'packages']) {
    for (const name of readdirSync(join(root, group)).sort()) found.push(join(root, group, name, 'package.json'));
  }
  return found.filter(existsSync);
}

function files(folder) {
  const found = [];
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (['node_modules', '.next', 'next-env.d.ts'].includes(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  if (existsSync(join(root, folder)) && statSync(join(root, folder)).isDirectory()) walk(join(root, folder));
  return found;
}

function checkMachine() {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major < 20) fail(`Node ${process.versions.node} is too old; Portico's scripts want Node 20 or newer.`);
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    fail(`Portico's server runs on Linux x64 and arm64; this is ${process.platform} ${process.arch}.`);
  }
  if (process.report?.getReport().header.glibcVersionRuntime === undefined) {
    fail('Portico needs glibc; this system uses another C library (Alpine?). Debian, Ubuntu and Fedora work.');
  }
  if (spawnSync('npm', ['--version']).status !== 0) fail('npm was not found beside Node.');
}

function createDisplay() {
  const live = process.stderr.isTTY === true;
  const frames = ['┃   ', '┃┃  ', '┃┃┃ ', '┃┃┃┃'];
  let title = '';
  let beganAt = 0;
  let timer = null;
  let shown = false;
  const seconds = () => `${((performance.now() - beganAt) / 1000).toFixed(1)} s`;
  return {
    begin(next) {
      if (!shown) process.stderr.write('\nportico  preparing this checkout (once, and after updates)\n\n');
      shown = true;
      title = next;
      beganAt = performance.now();
      let frame = 0;
      if (live) {
        timer = setInterval(() => {
          process.stderr.write(`\r  ${frames[frame++ % frames.length]}  ${title.padEnd(22)} ${seconds()} `);
        }, 120);
      }
    },
    end() {
      clearInterval(timer);
      process.stderr.write(`${live ? '\r' : ''}  ━━━━  ${title.padEnd(22)} ${seconds()}   \n`);
    },
    done() {
      if (shown) process.stderr.write('\n');
    },
  };
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return pid > 0;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readOr(path, fallback) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

function fail(message) {
  process.stderr.write(`ERROR: ${message}\n`);
  process.exit(1);
}
