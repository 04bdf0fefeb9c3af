import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

const HEADER = 'portico-master-key-1:';

/**
 * The 32 bytes that wrap every stored key, from a file that only its owner may read; made on first use. Without
 * this file nothing in the database that is sealed can be opened again. Throws MasterKeyError when the file is not a
 * master key or others may read it.
 */
export async function loadOrCreateMasterKey(file: string): Promise<Buffer> {
  return (await load(file)) ?? (await create(file));
}

async function load(file: string): Promise<Buffer | null> {
  let text: string;
  let mode: number;
  try {
    mode = (await stat(file)).mode;
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return null;
    }
    throw new MasterKeyError(`The master key ${file} cannot be read: ${String(error)}`, { cause: error });
  }
  if ((mode & 0o077) !== 0) {
    throw new MasterKeyError(`Others may read the master key ${file}. Run: chmod 600 ${file}`);
  }
  const body = text.trim();
  const key = Buffer.from(body.slice(HEADER.length), 'base64');
  if (!body.startsWith(HEADER) || key.length !== 32) {
    throw new MasterKeyError(`${file} is not a master key. It must hold ${HEADER} and 32 bytes in base64.`);
  }
  return key;
}

async function create(file: string): Promise<Buffer> {
  const directory = dirname(file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(aside, 'wx', 0o600);
    try {
      await handle.writeFile(`${HEADER}${randomBytes(32).toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Never over a file that another process has just made: what that one sealed would be lost.
    await link(aside, file).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        throw error;
      }
    });
    const folder = await open(directory, 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    throw new MasterKeyError(`The master key ${file} cannot be made: ${String(error)}`, { cause: error });
  } finally {
    await rm(aside, { force: true });
  }
  const key = await load(file);
  if (key === null) {
    throw new MasterKeyError(`The master key ${file} disappeared.`);
  }
  return key;
}
