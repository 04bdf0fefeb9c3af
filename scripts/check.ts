/**
 * `npm run check`: types, lint and format, import directions, generated files, the migrations against the schema.
 * Prints what is wrong and ends with exit code 1 if anything is.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { staleFiles } from './generate.ts';
import { findWrongImports } from './import-directions.ts';

const root = join(import.meta.dirname, '..');

interface Check {
  readonly title: string;
  run(): Promise<string>;
}

const checks: readonly Check[] = [
  {
    title: 'types',
    run: () => program('node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json', '--pretty', 'false']),
  },
  {
    title: 'types of the dashboard',
    run: () =>
      program('node_modules/typescript/bin/tsc', [
        '-p',
        'apps/dashboard/tsconfig.json',
        '--noEmit',
        '--pretty',
        'false',
      ]),
  },
  {
    title: 'lint and format',
    run: () => program('node_modules/@biomejs/biome/bin/biome', ['check', '--max-diagnostics=50', '.']),
  },
  { title: 'import directions', run: async () => findWrongImports(root).join('\n') },
  {
    title: 'generated files',
    run: async () => (await staleFiles()).map((path) => `${path} is stale; run: node scripts/generate.ts`).join('\n'),
  },
  { title: 'migrations', run: () => program('scripts/db-dev.ts', ['drift']) },
];

let failed = 0;
for (const { title, run } of checks) {
  const beganMs = performance.now();
  const findings = await run();
  const took = `${((performance.now() - beganMs) / 1000).toFixed(1)} s`;
  process.stdout.write(`${findings === '' ? 'ok    ' : 'FAILED'} ${title.padEnd(24)} ${took}\n`);
  if (findings !== '') {
    failed += 1;
    process.stdout.write(`${findings.trimEnd()}\n`);
  }
}
process.exit(failed === 0 ? 0 : 1);

/** Runs one of our programs with this Node; its output if it failed, else nothing. */
function program(script: string, args: readonly string[]): Promise<string> {
  if (!existsSync(join(root, script))) return Promise.resolve(`${script} is missing`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, script), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('close', (code) => resolve(code === 0 ? '' : output || `${script} ended with exit code ${code}`));
  });
}
