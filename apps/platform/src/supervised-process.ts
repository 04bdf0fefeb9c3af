import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { handListeningSockets } from '@portico/service';
import { StartError } from './data-directory.ts';
import type { LogFile } from './log-file.ts';

const RESTART_MS_MIN = 200;
const RESTART_MS_MAX = 5_000;
/** A process that lived this long starts its back-off afresh. */
const STEADY_MS = 30_000;
/** After SIGTERM; longer than the longest drain. */
const STOP_MS_MAX = 35_000;
const START_MS_MAX = 60_000;

type State =
  | { kind: 'idle' }
  | { kind: 'starting'; child: ChildProcess }
  | { kind: 'ready'; child: ChildProcess; sinceMs: number }
  | { kind: 'waiting'; timer: NodeJS.Timeout }
  | { kind: 'stopped' };

interface Events {
  /** It serves (again). */
  ready: [ports: Readonly<Record<string, number>>];
  /** It died and will be started again. */
  died: [how: string];
}

/**
 * One process of the platform: started, watched, started again 0.2–5 s after it dies, stopped at the end.
 * Its output goes to `log`. The ports that it reported once are asked for again after a restart, through `environment`.
 */
export class SupervisedProcess extends EventEmitter<Events> {
  readonly name: string;
  readonly #script: string;
  readonly #args: readonly string[];
  readonly #environment: () => NodeJS.ProcessEnv;
  readonly #sockets: readonly { readonly name: string; readonly fd: number }[];
  readonly #log: LogFile;
  #state: State = { kind: 'idle' };
  #backoffMs = RESTART_MS_MIN;

  /** @param options.sockets listening sockets that each run of it is handed, see `handListeningSockets` */
  constructor(options: {
    name: string;
    script: string;
    args?: readonly string[];
    environment: () => NodeJS.ProcessEnv;
    sockets?: readonly { readonly name: string; readonly fd: number }[];
    log: LogFile;
  }) {
    super();
    this.name = options.name;
    this.#script = options.script;
    this.#args = options.args ?? [];
    this.#environment = options.environment;
    this.#sockets = options.sockets ?? [];
    this.#log = options.log;
  }

  get pid(): number | null {
    return this.#state.kind === 'starting' || this.#state.kind === 'ready' ? (this.#state.child.pid ?? null) : null;
  }

  /** Resolves with its ports once it serves. @throws StartError with what it said when the first start fails. */
  async start(): Promise<Readonly<Record<string, number>>> {
    return await this.#launch();
  }

  /** Asks it to end, and makes it end if it does not; no restart follows. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if (state.kind !== 'starting' && state.kind !== 'ready') return;
    const { child } = state;
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const last = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      // Not `exit`: its last words may still be on their way to the log.
      child.once('close', () => {
        clearTimeout(last);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #launch(): Promise<Readonly<Record<string, number>>> {
    return new Promise((resolve, reject) => {
      const { environment, descriptors } = handListeningSockets(this.#sockets);
      const child = fork(this.#script, this.#args, {
        env: { ...this.#environment(), ...environment },
        stdio: ['ignore', 'pipe', 'pipe', ...descriptors, 'ipc'],
        // Ctrl-C at the terminal reaches the platform alone, which then stops its processes in order.
        detached: true,
      });
      this.#state = { kind: 'starting', child };
      let failure: string | null = null;
      const tooSlow = setTimeout(() => {
        failure = `did not serve within ${START_MS_MAX / 1000} s`;
        child.kill('SIGKILL');
      }, START_MS_MAX);
      let tail = '';
      const keep = (chunk: Buffer): void => {
        tail = (tail + chunk.toString()).slice(-2_000);
        this.#log.write(chunk);
      };
      child.stdout?.on('data', keep);
      child.stderr?.on('data', keep);
      child.on('message', (message) => {
        const parsed = parseMessage(message);
        if (parsed.kind === 'failed') failure = parsed.message;
        if (parsed.kind !== 'ready') return;
        clearTimeout(tooSlow);
        if (this.#state.kind !== 'starting') return;
        this.#state = { kind: 'ready', child, sinceMs: performance.now() };
        this.emit('ready', parsed.ports);
        resolve(parsed.ports);
      });
      child.on('error', (error) => {
        failure = error.message;
      });
      child.on('exit', (code, signal) => {
        clearTimeout(tooSlow);
        const how = failure ?? `ended with ${signal ?? `exit code ${code}`}`;
        const lastLine = tail.trimEnd().split('\n').at(-1) ?? '';
        reject(new StartError(failure ?? `${this.name} ${how}${lastLine === '' ? '' : `: ${lastLine}`}`));
        this.#restartLater(how);
      });
    });
  }

  #restartLater(how: string): void {
    const state = this.#state;
    if (state.kind === 'stopped') return;
    if (state.kind === 'ready' && performance.now() - state.sinceMs > STEADY_MS) this.#backoffMs = RESTART_MS_MIN;
    const timer = setTimeout(() => {
      this.#launch().catch(() => {
        // Its exit has set the next try already.
      });
    }, this.#backoffMs);
    this.#backoffMs = Math.min(RESTART_MS_MAX, this.#backoffMs * 2);
    this.#state = { kind: 'waiting', timer };
    this.emit('died', how);
  }
}

type Message =
  | { kind: 'ready'; ports: Record<string, number> }
  | { kind: 'failed'; message: string }
  | { kind: 'other' };

function parseMessage(message: unknown): Message {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return { kind: 'other' };
  if (message.kind === 'failed' && 'message' in message) return { kind: 'failed', message: String(message.message) };
  if (message.kind !== 'ready') return { kind: 'other' };
  const ports: Record<string, number> = {};
  if ('ports' in message && typeof message.ports === 'object' && message.ports !== null) {
    for (const [name, port] of Object.entries(message.ports)) if (typeof port === 'number') ports[name] = port;
  }
  if ('port' in message && typeof message.port === 'number') ports.port = message.port;
  return { kind: 'ready', ports };
}
