import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { type RecipeLanguage, recipes } from '@portico/recipes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endWithTests } from '../support/own-processes.ts';
import { httpUpstream, type Upstream } from '../support/upstream.ts';
import { visitUntil } from '../support/visit.ts';

/** How a recipe becomes a program that can be run here, and whether it can. */
interface Runner {
  readonly language: RecipeLanguage;
  readonly missing: string | null;
  /** The command that runs the text; it is ended by the test. */
  command(text: string, folder: string): readonly [program: string, ...args: string[]];
}

/** Programs that say which Python has the package (`pip install ngrok`), and which built the other two. */
const { PORTICO_TEST_PYTHON = 'python3', PORTICO_TEST_RUST, PORTICO_TEST_JAVA } = process.env;

const runners: readonly Runner[] = [
  {
    language: 'javascript',
    missing: null,
    command: (text, folder) => {
      // Beside the tests, so that it finds the package that they have.
      const file = join(folder, 'recipe.mjs');
      writeFileSync(file, text);
      return [process.execPath, file];
    },
  },
  {
    language: 'python',
    missing: hasPythonPackage() ? null : 'the package ngrok is not installed',
    command: (text) => [PORTICO_TEST_PYTHON, '-c', `${text}\nimport time\ntime.sleep(60)`],
  },
  // What compiles takes minutes: a command that builds and runs a program around the text that it is given as a file.
  {
    language: 'rust',
    missing: PORTICO_TEST_RUST === undefined ? 'PORTICO_TEST_RUST names no command' : null,
    command: (text, folder) => compiled(PORTICO_TEST_RUST, text, folder),
  },
  {
    language: 'java',
    missing: PORTICO_TEST_JAVA === undefined ? 'PORTICO_TEST_JAVA names no command' : null,
    command: (text, folder) => compiled(PORTICO_TEST_JAVA, text, folder),
  },
];

describe('the recipes for official SDKs', () => {
  let env: DevEnv;
  let upstream: Upstream;
  const folder = mkdtempSync(join(import.meta.dirname, '.recipes-'));
  beforeAll(async () => {
    [env, upstream] = await Promise.all([
      startDevEnv(),
      httpUpstream((request, response) => response.end(`found ${request.url}`)),
    ]);
  });
  afterAll(async () => {
    await env?.close();
    await upstream?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.for(runners)('$language', { timeout: 300_000 }, async ({ language, missing, command }, { skip }) => {
    skip(missing !== null, missing ?? '');
    const recipe = recipes.find((each) => each.language === language);
    const host = `${language}.${env.baseDomain}`;
    const facts = { address: env.connectUrl, caFile: env.caFile, authtoken: env.authtoken, host };
    const text = (recipe?.code(facts) ?? '').replaceAll('3000', String(upstream.port));
    const [program, ...args] = command(text, folder);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd: tmpdir() });
    endWithTests(child);
    let said = '';
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (chunk) => {
        said += String(chunk);
      });
    }
    const ended = new Promise<never>((_resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the program ended with ${code}: ${said}`)));
    });
    const answered = visitUntil(env, `https://${host}/here`, ({ status }) => status === 200, { withinMs: 280_000 });
    try {
      expect((await Promise.race([answered, ended])).body.toString()).toBe('found /here');
    } finally {
      ended.catch(() => {});
      child.kill('SIGKILL');
    }
  });
});

function hasPythonPackage(): boolean {
  try {
    execFileSync(PORTICO_TEST_PYTHON, ['-c', 'import ngrok'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function compiled(builder: string | undefined, text: string, folder: string): [string, string] {
  const file = join(folder, 'recipe.txt');
  writeFileSync(file, text);
  return [builder ?? '', file];
}
