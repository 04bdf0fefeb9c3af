import { Resolver } from 'node:dns/promises';

/** The name servers did not answer, or could not: nothing is known. */
export class ResolveError extends Error {
  override readonly name = 'ResolveError';
}

const hopsMax = 8;

/** Questions to DNS about names that customers own. A name without such records has an empty answer. */
export class DomainResolver {
  readonly #resolver: Resolver;

  /** @param servers `address` or `address:port`; none: those of the system. */
  constructor({ servers, timeoutMs = 2_000 }: { servers: readonly string[]; timeoutMs?: number }) {
    this.#resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
    if (servers.length > 0) this.#resolver.setServers([...servers]);
  }

  /** Each text of the name, its parts put together. */
  async texts(name: string): Promise<string[]> {
    return (await ask(name, () => this.#resolver.resolveTxt(name))).map((parts) => parts.join(''));
  }

  /** Where the name leads, hop by hop, lower case. */
  async aliases(name: string): Promise<string[]> {
    const found: string[] = [];
    let next = name;
    while (found.length < hopsMax) {
      const [target] = await ask(next, () => this.#resolver.resolveCname(next));
      if (target === undefined) return found;
      next = target.toLowerCase().replace(/\.$/, '');
      if (found.includes(next)) return found;
      found.push(next);
    }
    return found;
  }

  /** IPv4 and IPv6 addresses, aliases followed. */
  async addresses(name: string): Promise<string[]> {
    const both = await Promise.all([
      ask(name, () => this.#resolver.resolve4(name)),
      ask(name, () => this.#resolver.resolve6(name)),
    ]);
    return both.flat();
  }

  close(): void {
    this.#resolver.cancel();
  }
}

async function ask<T>(name: string, question: () => Promise<T[]>): Promise<T[]> {
  try {
    return await question();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
    // The name cannot be asked for at all, which is an answer too.
    if (code === 'EBADNAME') return [];
    throw new ResolveError(`${name}: the name servers do not answer (${code})`, { cause: error });
  }
}
