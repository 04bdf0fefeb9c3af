import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Document, isMap, parseDocument } from 'yaml';
import { CliError } from '../output/cli-error.ts';
import { checkText, errnoOf } from './load-config.ts';

/** A key of the agent, by its name in each version of the file. */
export interface Edit {
  readonly version3: string;
  readonly version2: string;
  readonly value: string;
}

/**
 * Sets keys in a configuration file and keeps everything else, comments too; makes the file, version 3, where there
 * is none. Written beside and renamed, readable for its owner only: it holds a token.
 */
export async function editConfig(path: string, edits: readonly Edit[]): Promise<void> {
  const before = await readIfThere(path);
  const document = before === null || before.trim() === '' ? freshDocument() : await checkedDocument(path, before);
  const version = String(document.get('version'));
  for (const { version3, version2, value } of edits) {
    if (version === '2') document.set(version2, value);
    else {
      if (!isMap(document.get('agent'))) document.set('agent', document.createNode({}));
      document.setIn(['agent', version3], value);
    }
  }
  const text = document.toString({ lineWidth: 0 });
  await checkText(path, text);
  await replaceFile(path, text);
}

function freshDocument(): Document {
  return parseDocument('version: 3\n');
}

async function checkedDocument(path: string, text: string): Promise<Document> {
  await checkText(path, text);
  return parseDocument(text);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw new CliError(`The configuration file ${path} cannot be read (${errnoOf(error) ?? String(error)}).`);
  }
}

export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new CliError(`The configuration file ${path} cannot be written (${errnoOf(error) ?? String(error)}).`);
  }
}
