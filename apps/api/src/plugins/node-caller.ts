import { databaseFault, findNodeCredential, type NodeKind } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { parseToken } from '../secrets/token.ts';
import { NotReadyError } from './failure.ts';

interface Known {
  readonly kind: NodeKind;
  readonly hash: Uint8Array;
  checkedAtMs: number;
}

const recheckMs = 10_000;
const knownMax = 10_000;

/**
 * Who calls on the internal listener. Credentials that were right are remembered, so that edges keep their registry
 * and their changes stream while the database is away; a revoked one stops to work within seconds.
 */
export class NodeCallers {
  readonly #context: Pick<ApiContext, 'database' | 'hasher'>;
  readonly #known = new Map<string, Known>();
  readonly #isReady: () => boolean;
  readonly #nowMs: () => number;

  constructor(
    context: Pick<ApiContext, 'database' | 'hasher'>,
    { isReady, nowMs = () => performance.now() }: { isReady: () => boolean; nowMs?: () => number },
  ) {
    this.#context = context;
    this.#isReady = isReady;
    this.#nowMs = nowMs;
  }

  /** Believes a credential that stands in a file of this installation until the database can be asked. */
  trust(credential: string, kind: NodeKind): void {
    const parsed = parseToken(credential);
    if (parsed?.kind !== 'node') return;
    const hash = this.#context.hasher.hash(credential);
    this.#known.set(parsed.id, { kind, hash, checkedAtMs: Number.NEGATIVE_INFINITY });
  }

  /** Throws 202 for no credential at all or one without the form, 203 for one that is unknown, revoked or of another kind. */
  async authenticate(authorization: string | undefined, kind: NodeKind): Promise<void> {
    const credential = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const parsed = parseToken(credential);
    if (parsed?.kind !== 'node') throw new PorticoError(202);
    const known = await this.#find(parsed.id);
    if (known === null || known.kind !== kind || !this.#context.hasher.matches(credential, known.hash)) {
      throw new PorticoError(203);
    }
  }

  async #find(id: string): Promise<Known | null> {
    const known = this.#known.get(id);
    if (!this.#isReady()) {
      if (known === undefined) throw new NotReadyError('the database is not prepared yet');
      return known;
    }
    if (known !== undefined && this.#nowMs() - known.checkedAtMs < recheckMs) return known;
    try {
      const row = await findNodeCredential(this.#context.database.queries, id);
      if (row === null || row.revokedAt !== null) {
        this.#known.delete(id);
        return null;
      }
      const found = { kind: row.kind, hash: row.hash, checkedAtMs: this.#nowMs() };
      if (this.#known.size >= knownMax) this.#known.clear();
      this.#known.set(id, found);
      return found;
    } catch (error) {
      if (known === undefined || databaseFault(error) !== 'unavailable') throw error;
      // Not asked again on every request of an outage: each would wait for the database.
      known.checkedAtMs = this.#nowMs() - recheckMs + 1_000;
      return known;
    }
  }
}
