/**
 * `npm test`: every check at reduced scale, and what the data path costs against a plain proxy (`bench/guard.ts`); with
 * `--long` the soaks and repeats at their full figures as well.
 * Further arguments go to vitest. The last line is `N passed, N failed`; the exit code is 0 only if nothing failed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const long = process.argv.includes('--long');
const filters = process.argv.slice(2).filter((argument) => argument !== '--long');
const scratch = mkdtempSync(join(tmpdir(), 'portico-test-'));
const report = join(scratch, 'report.json');

const checkCode = filters.length === 0 ? await run(process.execPath, ['scripts/check.ts']) : 0;
// Alone on the machine, before the tests keep it busy.
const guardCode = filters.length === 0 ? await run(process.execPath, ['bench/guard.ts']) : 0;
const vitestCode = await run(process.execPath, [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...filters,
]);
const counts = readCounts();
rmSync(scratch, { recursive: true, force: true });

const steps = filters.length === 0 ? [checkCode, guardCode] : [];
const passed = counts.passed + steps.filter((code) => code === 0).length;
// A runner that failed without a failed test (a file that does not load, an error outside of a test) failed all the same.
const failed = Math.max(counts.failed, vitestCode === 0 ? 0 : 1) + steps.filter((code) => code !== 0).length;
process.stdout.write(
  `\n${passed} passed, ${failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}\n`,
);
process.exit(failed === 0 ? 0 : 1);

function run(program: string, args: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...(long ? { PORTICO_LONG: '1' } : {}) },
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function readCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const parsed: unknown = JSON.parse(readFileSync(report, 'utf8'));
    return {
      passed: numberIn(parsed, 'numPassedTests'),
      failed: numberIn(parsed, 'numFailedTests'),
      skipped: numberIn(parsed, 'numPendingTests') + numberIn(parsed, 'numTodoTests'),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function numberIn(value: unknown, name: string): number {
  if (typeof value !== 'object' || value === null || !(name in value)) return 0;
  const found: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof found === 'number' ? found : 0;
}
