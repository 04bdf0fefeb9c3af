import { EventEmitter } from 'node:events';
import { type Agent, type AgentEndpoint, AgentError, type Capture, type ReplayRequest } from '@portico/agent';
import { CliError } from '../output/cli-error.ts';
import { explainRefusal } from '../output/refusal-kind.ts';
import type { WantedEndpoint } from './wanted-endpoint.ts';

export interface Tunnel {
  readonly wanted: WantedEndpoint;
  /** 16 random bytes, hex: what tells two tunnels of one name apart. */
  readonly id: string;
  /** Null before it is public for the first time. */
  readonly endpoint: AgentEndpoint | null;
}

/** The endpoints that this process serves, by name: opened by flags, by the file and through the local API. */
export class TunnelSet extends EventEmitter<{ changed: [] }> {
  readonly #agent: Agent;
  readonly #newId: () => string;
  readonly #tunnels = new Map<string, { wanted: WantedEndpoint; id: string; endpoint: AgentEndpoint | null }>();
  readonly #cancels = new Map<string, AbortController>();

  constructor(agent: Agent, newId: () => string) {
    super();
    this.#agent = agent;
    this.#newId = newId;
    agent.on('offline', (endpoint) => {
      const tunnel = this.#tunnels.get(endpoint.name);
      if (tunnel?.endpoint !== endpoint) return;
      this.#tunnels.delete(endpoint.name);
      this.emit('changed');
    });
  }

  get agent(): Agent {
    return this.#agent;
  }

  /** In the order in which they were asked for. */
  list(): Tunnel[] {
    return [...this.#tunnels.values()];
  }

  get(name: string): Tunnel | null {
    return this.#tunnels.get(name) ?? null;
  }

  /** Resolves when it is public. Throws a CliError: the name is in use here, or the server says no. */
  async open(wanted: WantedEndpoint): Promise<Tunnel> {
    const { name } = wanted;
    if (this.#tunnels.has(name)) throw new CliError(`There is an endpoint "${name}" already.`);
    const tunnel: { wanted: WantedEndpoint; id: string; endpoint: AgentEndpoint | null } = {
      wanted,
      id: this.#newId(),
      endpoint: null,
    };
    const cancel = new AbortController();
    this.#tunnels.set(name, tunnel);
    this.#cancels.set(name, cancel);
    this.emit('changed');
    try {
      tunnel.endpoint = await this.#agent.forward({ ...wanted, signal: cancel.signal });
      this.emit('changed');
      return tunnel;
    } catch (error) {
      if (this.#tunnels.get(name) === tunnel) this.#tunnels.delete(name);
      this.emit('changed');
      if (!(error instanceof AgentError)) throw error;
      throw new CliError(explainRefusal(error.message, error.code), { code: error.code, cause: error });
    }
  }

  /** False when there is none of this name. */
  async close(name: string): Promise<boolean> {
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) return false;
    this.#tunnels.delete(name);
    this.emit('changed');
    if (tunnel.endpoint === null) this.#cancels.get(name)?.abort();
    else await tunnel.endpoint.close();
    return true;
  }

  /** Throws a CliError when there is no such endpoint, or the request cannot be one. */
  async replay(name: string, request: ReplayRequest): Promise<Capture> {
    const endpoint = this.#tunnels.get(name)?.endpoint;
    if (endpoint === undefined || endpoint === null) throw new CliError(`There is no endpoint "${name}" online.`);
    try {
      return await this.#agent.replay(endpoint, request);
    } catch (error) {
      throw error instanceof AgentError ? new CliError(error.message, { code: error.code, cause: error }) : error;
    }
  }
}
