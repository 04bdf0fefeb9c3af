import type { BoundEndpoint } from '../endpoint/bound-endpoint.ts';
import type { AgentSession } from './agent-session.ts';
import type { BindDocuments } from './bind-policy.ts';

/** One endpoint that an agent's session serves under a name. */
export interface Binding {
  /** The name: `https/demo.example.com`, `tcp/20001`. Those who pool share it. */
  readonly key: string;
  readonly bindId: string;
  readonly endpoint: BoundEndpoint;
  /**
   * Where it stands in the registry: under the name itself, or below it for those who came later to a pool. The one
   * under the name keeps the name for all of them; when it goes, another takes its place there.
   */
  claim: string;
  session: AgentSession;
  /** What its policy was made of. */
  documents: BindDocuments;
  /** The API was away when it was taken back: to be asked once it answers. */
  unchecked: boolean;
}

/** Who serves which name here. */
export class BindingTable {
  readonly #byKey = new Map<string, Binding[]>();
  readonly #byBindId = new Map<string, Binding>();

  /** All who share a name; the first came first. */
  at(key: string): readonly Binding[] {
    return this.#byKey.get(key) ?? [];
  }

  get(bindId: string): Binding | null {
    return this.#byBindId.get(bindId) ?? null;
  }

  has(binding: Binding): boolean {
    return this.#byBindId.get(binding.bindId) === binding;
  }

  add(binding: Binding): void {
    this.#byBindId.set(binding.bindId, binding);
    this.#byKey.set(binding.key, [...this.at(binding.key), binding]);
  }

  /** False if it is not there. */
  remove(binding: Binding): boolean {
    if (!this.has(binding)) return false;
    this.#byBindId.delete(binding.bindId);
    const left = this.at(binding.key).filter((each) => each !== binding);
    if (left.length === 0) this.#byKey.delete(binding.key);
    else this.#byKey.set(binding.key, left);
    return true;
  }

  ofSession(session: AgentSession): Binding[] {
    return this.all().filter((binding) => binding.session === session);
  }

  all(): Binding[] {
    return [...this.#byBindId.values()];
  }

  get size(): number {
    return this.#byBindId.size;
  }
}
