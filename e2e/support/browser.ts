import { execFile, spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';

const systemChromium = '/usr/bin/chromium';

interface Chromium {
  readonly executablePath: string;
  readonly args: readonly string[];
  /** Where its shared libraries are, when the system lacks them. */
  readonly libraries: string | null;
  readonly from: string;
}

/**
 * A headless Chromium, closed by whoever asked for it. Looked for in `CHROMIUM_PATH`, then `/usr/bin/chromium`, then the one
 * of the npm package `@sparticuz/chromium`. Throws when none can be started; a test never goes on without it.
 */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  const found = await findChromium();
  const env = { ...process.env, ...(found.libraries === null ? {} : { LD_LIBRARY_PATH: found.libraries }) };
  try {
    return await chromium.launch({
      executablePath: found.executablePath,
      args: [...found.args, '--disable-dev-shm-usage', ...args],
      env: Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    });
  } catch (error) {
    throw new Error(
      `Chromium from ${found.from} does not start. Install it (apt-get install chromium) or name one in CHROMIUM_PATH.`,
      { cause: error },
    );
  }
}

async function findChromium(): Promise<Chromium> {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (!existsSync(named)) throw new Error(`CHROMIUM_PATH is "${named}", but there is no such file.`);
    return { executablePath: named, args: [], libraries: null, from: 'CHROMIUM_PATH' };
  }
  if (existsSync(systemChromium))
    return { executablePath: systemChromium, args: [], libraries: null, from: systemChromium };
  return unpackChromium();
}

/** The package unpacks to `os.tmpdir()/chromium` with mode 0700, so that every user needs a folder of their own. */
async function unpackChromium(): Promise<Chromium> {
  const before = process.env.TMPDIR;
  const folder = join(tmpdir(), `portico-chromium-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  process.env.TMPDIR = folder;
  try {
    const { default: packaged } = await import('@sparticuz/chromium');
    const executablePath = await packaged.executablePath();
    const libraries = (await lacksLibraries(executablePath)) ? await unpackLibraries(folder) : null;
    return { executablePath, args: packaged.args, libraries, from: '@sparticuz/chromium' };
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** It needs libnss3, libnspr4 and libexpat, which a bare system may not have; the package carries them too. */
async function lacksLibraries(executablePath: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ldd', [executablePath]);
  return stdout.includes('not found');
}

async function unpackLibraries(folder: string): Promise<string> {
  const unpacked = join(folder, 'al2023');
  if (existsSync(unpacked)) return join(unpacked, 'lib');
  const partial = mkdtempSync(join(folder, 'al2023-'));
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const archive = join(packageFolder(entry), 'bin/al2023.tar.br');
  const tar = spawn('tar', ['-x', '-C', partial], { stdio: ['pipe', 'ignore', 'inherit'] });
  const done = new Promise<void>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`tar ended with exit code ${code}`))));
  });
  await Promise.all([pipeline(createReadStream(archive), createBrotliDecompress(), tar.stdin), done]);
  // Whole or not at all, also when two tests do it at once.
  if (!existsSync(unpacked)) renameSync(partial, unpacked);
  return join(unpacked, 'lib');
}

function packageFolder(file: string): string {
  const folder = dirname(file);
  if (existsSync(join(folder, 'bin/al2023.tar.br'))) return folder;
  if (folder === dirname(folder)) throw new Error('@sparticuz/chromium carries no al2023.tar.br');
  return packageFolder(folder);
}
