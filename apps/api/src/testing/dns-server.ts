import { createSocket, type Socket } from 'node:dgram';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';

type Kind = 'A' | 'TXT' | 'CNAME';

/** For tests: a name server on loopback. Aliases are followed as a resolver would; names that it may forward too. */
export class DnsServer {
  /** By `TYPE name`, lower case. */
  readonly #records = new Map<string, string[]>();
  readonly #socket: Socket = createSocket('udp4');
  /** Says nothing at all. */
  silent = false;
  /** Asked for texts that are not here: another server's, as a resolver would find them. */
  forward: ((name: string) => Promise<string[]>) | null = null;

  static async open(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on('message', (bytes, peer) => {
      if (server.silent) return;
      const { id = 0, questions = [] } = decode(bytes);
      const [question] = questions;
      if (question === undefined) return;
      void server.#answersTo(question.type, question.name.toLowerCase()).then((answers) => {
        const code = answers.length === 0 && !server.#has(question.name.toLowerCase()) ? 3 : 0;
        const flags = AUTHORITATIVE_ANSWER | code;
        server.#socket.send(encode({ type: 'response', id, flags, questions, answers }), peer.port, peer.address);
      });
    });
    await new Promise<void>((resolve) => server.#socket.bind(0, '127.0.0.1', resolve));
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  set(kind: Kind, name: string, ...values: string[]): void {
    if (values.length === 0) this.#records.delete(`${kind} ${name}`);
    else this.#records.set(`${kind} ${name}`, values);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #has(name: string): boolean {
    return [...this.#records.keys()].some((key) => key.endsWith(` ${name}`));
  }

  #find(kind: string, name: string): string[] {
    const parent = name.slice(name.indexOf('.') + 1);
    return (
      this.#records.get(`${kind} ${name}`) ?? (this.#has(name) ? [] : this.#records.get(`${kind} *.${parent}`)) ?? []
    );
  }

  async #answersTo(kind: string, name: string, depth = 0): Promise<Answer[]> {
    const found = this.#find(kind, name).map((value): Answer => {
      if (kind === 'TXT') return { type: 'TXT', name, ttl: 0, data: [value] };
      return kind === 'CNAME' ? { type: 'CNAME', name, ttl: 0, data: value } : { type: 'A', name, ttl: 0, data: value };
    });
    if (found.length > 0 || kind === 'CNAME' || depth > 5) return found;
    const [alias] = this.#find('CNAME', name);
    if (alias !== undefined) {
      return [{ type: 'CNAME', name, ttl: 0, data: alias }, ...(await this.#answersTo(kind, alias, depth + 1))];
    }
    if (kind !== 'TXT' || this.forward === null) return [];
    return (await this.forward(name)).map((data): Answer => ({ type: 'TXT', name, ttl: 0, data: [data] }));
  }
}
