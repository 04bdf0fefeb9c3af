import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { StartError } from './data-directory.ts';
import type { LogFile } from './log-file.ts';

export interface OpenedTunnel {
  readonly url: string;
  readonly upstream: string;
}

/**
 * Runs `portico <words>` as a process beside the platform; resolves with its address once it is online.
 * Its stop is added to `stops`. @throws StartError with the command's own words when it ends first.
 */
export async function openTunnel(options: {
  script: string;
  words: readonly string[];
  agentConfig: string;
  log: LogFile;
  onExit(how: string): void;
  stops: (() => Promise<void>)[];
}): Promise<OpenedTunnel> {
  const { script, words, agentConfig, log, onExit, stops } = options;
  const child = spawn(
    process.execPath,
    [script, ...words, '--config', agentConfig, '--log', 'stdout', '--log-format', 'json'],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let stopping = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? `exit code ${code}`}`));
  });
  stops.push(async () => {
    stopping = true;
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
    log.write(chunk);
  });
  const online = new Promise<OpenedTunnel>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(Buffer.from(`${line}\n`));
      const tunnel = parseStarted(line);
      if (tunnel !== null) resolve(tunnel);
    });
  });
  const first = await Promise.race([online, ended]);
  if (typeof first === 'string') {
    const text = said.trim();
    throw new StartError(text === '' ? `portico ${words.join(' ')} ${first}` : `portico ${words.join(' ')}:\n${text}`);
  }
  void ended.then((how) => {
    if (!stopping) onExit(how);
  });
  return first;
}

function parseStarted(line: string): OpenedTunnel | null {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { msg, url, addr } = parsed as Record<string, unknown>;
    return msg === 'started tunnel' && typeof url === 'string' ? { url, upstream: String(addr ?? '') } : null;
  } catch {
    return null;
  }
}
