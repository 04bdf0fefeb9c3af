import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { EndpointConfig } from '../config/agent-config.ts';
import type { LogWriter } from '../output/log-writer.ts';
import type { TunnelSet } from './tunnel-set.ts';
import { wantedEndpoints } from './wanted-endpoint.ts';

export interface ConfigWatchOptions {
  readonly paths: readonly string[];
  /** What the endpoints are now. Throws when a file cannot be read or is wrong. */
  readonly reread: () => Promise<readonly EndpointConfig[]>;
  /** What was opened at the start. */
  readonly before: readonly EndpointConfig[];
  readonly tunnels: TunnelSet;
  readonly log: LogWriter;
}

/** Editors write a file in several steps. */
const settleMs = 300;

/**
 * Keeps the endpoints as the configuration files say, at every change of them and at SIGHUP: new ones are opened,
 * those that are gone are closed, those that changed are opened anew. Others are not touched, and a file with a fault
 * changes nothing.
 */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #known: Map<string, { text: string; names: readonly string[] }>;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    this.#known = new Map(
      options.before.map((each) => [each.name, { text: JSON.stringify(each), names: namesOf(each) }]),
    );
    for (const path of options.paths) {
      try {
        // The folder: a file that is replaced is another file afterwards.
        const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
          if (name === null || name === basename(path)) this.#later();
        });
        watcher.on('error', () => {});
        this.#watchers.push(watcher);
      } catch {
        // Without notices of the system there is still SIGHUP.
      }
    }
    if (process.platform !== 'win32') process.on('SIGHUP', this.#onHup);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    process.off('SIGHUP', this.#onHup);
  }

  readonly #onHup = (): void => this.#later();

  #later(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#running = this.#running.then(() => this.#apply());
    }, settleMs);
  }

  async #apply(): Promise<void> {
    const { log, tunnels } = this.#options;
    let endpoints: readonly EndpointConfig[];
    try {
      endpoints = await this.#options.reread();
    } catch (error) {
      log.log('error', 'configuration not taken over', { obj: 'config', err: messageOf(error) });
      return;
    }
    const next = new Map(endpoints.map((each) => [each.name, { text: JSON.stringify(each), names: namesOf(each) }]));
    for (const [name, { text, names }] of this.#known) {
      if (next.get(name)?.text === text) continue;
      for (const each of names) await tunnels.close(each);
      if (!next.has(name))
        log.log('info', 'endpoint closed, the configuration has it no more', { obj: 'config', name });
    }
    const changed = endpoints.filter((each) => this.#known.get(each.name)?.text !== JSON.stringify(each));
    this.#known = next;
    for (const endpoint of changed) {
      try {
        for (const wanted of await wantedEndpoints(endpoint)) await tunnels.open(wanted);
      } catch (error) {
        log.log('error', 'endpoint not opened', { obj: 'config', name: endpoint.name, err: messageOf(error) });
      }
    }
    log.log('info', 'configuration read again', {
      obj: 'config',
      endpoints: endpoints.length,
      changed: changed.length,
    });
  }
}

function namesOf({ name, bothSchemes }: EndpointConfig): string[] {
  return bothSchemes === true ? [name, `${name} (http)`] : [name];
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ');
}
