import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { DevEnv } from '@portico/dev-env';
import { endWithTests } from '../../support/own-processes.ts';

const run = promisify(execFile);
const source = join(import.meta.dirname, 'program');
/** The `go` line of the program's go.mod. */
const GO_MINOR = 21;

/** Why the program cannot be built here, in one line; null if it can. */
export async function goMissing(): Promise<string | null> {
  let version: string;
  try {
    version = (await run('go', ['env', 'GOVERSION'])).stdout.trim();
  } catch {
    return 'skipped: Go is not installed';
  }
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1]);
  if (!(minor >= GO_MINOR)) return `skipped: Go is ${version}, and the SDK wants 1.${GO_MINOR}`;
  try {
    await run('go', ['mod', 'download'], { cwd: source, env: goEnvironment(), timeout: 60_000 });
  } catch {
    return 'skipped: the Go module of the SDK is not here, and could not be fetched';
  }
  return null;
}

/** No other version of Go than the one that is there, and the versions of go.sum alone. */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', CGO_ENABLED: '0' };
}

export interface GoProgram {
  readonly file: string;
  remove(): void;
}

/** Builds `program/` into a folder of its own. */
export async function buildGoProgram(): Promise<GoProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'portico-go-'));
  const file = join(folder, 'program');
  await run('go', ['build', '-o', file, '.'], { cwd: source, env: goEnvironment(), timeout: 110_000 });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What `agent.Forward` and `agent.Listen` take; names of the SDK. */
export interface GoEndpoint {
  /** To close it by; the URL of the answer if there is only one. */
  readonly name: string;
  readonly url?: string;
  readonly metadata?: string;
  readonly description?: string;
  readonly policy?: string;
  readonly bindings?: readonly string[];
  readonly pooling?: boolean;
  /** PEM, to end TLS in the agent. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface GoForward extends GoEndpoint {
  readonly upstream: string;
  readonly protocol?: string;
  readonly proxyProto?: 'v1' | 'v2';
  /** Of an https upstream; it is verified unless told otherwise. */
  readonly verifiesUpstream?: boolean;
}

export interface GoEvent {
  readonly event: string;
  readonly error: string;
  readonly latencyUs: number;
}

/** What the SDK answered instead of doing it. */
export class GoError extends Error {
  readonly errorCode: string;

  constructor(text: string, errorCode: string) {
    super(text);
    this.errorCode = errorCode;
  }
}

/** One agent of the official Go SDK in a process of its own. */
export interface GoAgent {
  /** Resolves with the URL. @throws GoError */
  forward(endpoint: GoForward): Promise<string>;
  /** An endpoint that answers each connection with what it sent once it has ended. Resolves with the URL. */
  echo(endpoint: GoEndpoint): Promise<string>;
  close(name: string): Promise<void>;
  disconnect(): Promise<void>;
  /** The next event of that kind which nobody has waited for yet. */
  next(event: string): Promise<GoEvent>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** @throws GoError when the SDK does not connect within `timeoutMs`. */
export async function startGoAgent(
  program: GoProgram,
  env: DevEnv,
  options: {
    server?: string;
    /** `socks5://host:port` */
    proxy?: string;
    token?: string;
    metadata?: string;
    heartbeatMs?: number;
    toleranceMs?: number;
    timeoutMs?: number;
    /** Whether its program follows stop, restart and update; it does unless told otherwise. */
    handlesCommands?: boolean;
  } = {},
): Promise<GoAgent> {
  const child = spawn(program.file, { stdio: ['pipe', 'pipe', 'inherit'] });
  endWithTests(child);
  const exited = once(child, 'exit');
  const pending = new Map<string, (line: Line) => void>();
  const events: GoEvent[] = [];
  const waiting: { event: string; resolve: (event: GoEvent) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: Line = JSON.parse(text);
    if (line.event === undefined) {
      pending.get(line.id ?? '')?.(line);
      pending.delete(line.id ?? '');
      return;
    }
    const event = { event: line.event, error: line.error ?? '', latencyUs: line.latencyUs ?? 0 };
    const index = waiting.findIndex((each) => each.event === event.event);
    if (index === -1) events.push(event);
    else waiting.splice(index, 1)[0]?.resolve(event);
  });
  let asked = 0;
  const ask = async (op: string, what: object): Promise<string> => {
    asked += 1;
    const id = String(asked);
    const answered = new Promise<Line>((resolve) => pending.set(id, resolve));
    child.stdin.write(`${JSON.stringify({ ...what, id, op })}\n`);
    const ended = exited.then(([code]): Line => ({ error: `the program ended with ${code}` }));
    const line = await Promise.race([answered, ended]);
    if (line.error !== undefined) throw new GoError(line.error, line.code ?? '');
    return line.url ?? '';
  };
  const stop = async (): Promise<void> => {
    // It disconnects at the end of its input.
    child.stdin.end();
    await exited;
  };
  try {
    await ask('connect', { server: env.connectUrl, ca: env.ca, token: env.authtoken, ...options });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    forward: (endpoint) => ask('forward', endpoint),
    echo: (endpoint) => ask('echo', endpoint),
    close: async (name) => {
      await ask('close', { name });
    },
    disconnect: async () => {
      await ask('disconnect', {});
    },
    next: (event) => {
      const index = events.findIndex((each) => each.event === event);
      const [found] = index === -1 ? [] : events.splice(index, 1);
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve) => waiting.push({ event, resolve }));
    },
    stop,
  };
}

interface Line {
  readonly id?: string;
  readonly event?: string;
  readonly url?: string;
  readonly error?: string;
  readonly code?: string;
  readonly latencyUs?: number;
}
