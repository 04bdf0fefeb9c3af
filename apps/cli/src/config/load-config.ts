import { readFile } from 'node:fs/promises';
import { CliError } from '../output/cli-error.ts';
import { type AgentConfig, type ConfigProblem, mergeConfigs } from './agent-config.ts';
import { type LocationInput, namedPaths, searchPaths } from './locations.ts';

/** The configuration, and the files that it came from (none is fine: everything can be a flag). */
export interface LoadedConfig {
  readonly config: AgentConfig;
  readonly paths: readonly string[];
}

/**
 * Reads the files named by flag or PORTICO_CONFIG, all of which must exist; else the first one found of the search
 * path. If that one names no server, the server and token of the next file that names one are used: so a file that
 * only holds preferences does not hide the platform that runs beside it. A token never goes to another file's server.
 * Throws a CliError that lists every fault with its line.
 */
export async function loadConfig(flags: readonly string[], location: LocationInput): Promise<LoadedConfig> {
  const named = namedPaths(flags, location.env);
  if (named.length > 0) {
    const configs = [];
    for (const path of named) {
      const config = await readOne(path);
      if (config === null) throw new CliError(`There is no configuration file ${path}.`);
      configs.push(config);
    }
    return { config: mergeConfigs(configs), paths: named };
  }
  const found: { path: string; config: AgentConfig }[] = [];
  for (const path of searchPaths(location)) {
    const config = await readOne(path);
    if (config === null) continue;
    found.push({ path, config });
    if (config.connectUrl !== undefined) break;
  }
  return combine(found);
}

function combine(found: readonly { path: string; config: AgentConfig }[]): LoadedConfig {
  const [first] = found;
  const last = found.at(-1);
  if (first === undefined || last === undefined) return { config: { endpoints: new Map() }, paths: [] };
  if (first === last || last.config.connectUrl === undefined) return { config: first.config, paths: [first.path] };
  const { connectUrl, connectCas, authtoken } = last.config;
  const server = { connectUrl, ...(connectCas === undefined ? {} : { connectCas }) };
  const token = first.config.authtoken ?? authtoken;
  return {
    config: { ...first.config, ...server, ...(token === undefined ? {} : { authtoken: token }) },
    paths: [first.path, last.path],
  };
}

/** Null when there is no such file. */
async function readOne(path: string): Promise<AgentConfig | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw new CliError(`The configuration file ${path} cannot be read (${errnoOf(error) ?? String(error)}).`);
  }
  return (await checkText(path, text)).config;
}

/** Throws a CliError that lists every fault of the text with its line. */
export async function checkText(path: string, text: string): Promise<{ version: 2 | 3; config: AgentConfig }> {
  // Only now: the YAML library takes longer to load than most files take to read.
  const { configBytesMax, readConfig } = await import('./read-config.ts');
  if (text.length > configBytesMax) throw new CliError(`The configuration file ${path} is larger than 1 MB.`);
  const read = readConfig(path, text);
  if (read.kind === 'bad') throw new CliError(describeProblems(path, read.problems));
  return { version: read.version, config: read.config };
}

function describeProblems(path: string, problems: readonly ConfigProblem[]): string {
  const shown = problems.slice(0, 20).map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`);
  const more = problems.length > 20 ? [`… and ${problems.length - 20} more`] : [];
  return ['The configuration file is not valid:', ...shown, ...more].join('\n');
}

export function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
