import type { InternalClient } from '@portico/api-contract/internal';
import { answerWhole } from '../proxy/error-response.ts';
import type { Exchange } from '../proxy/exchange.ts';

const PATH = '/.well-known/acme-challenge/';
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;
/** Questions to the API at once: anybody may ask for such a path. */
const AT_ONCE_MAX = 32;

/** Answers a certificate authority that checks names which the API orders certificates for (RFC 8555 section 8.3). */
export class AcmeAnswers {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #baseDomain: string;
  #underWay = 0;

  constructor({ client, nodeId, baseDomain }: { client: InternalClient; nodeId: string; baseDomain: string }) {
    this.#client = client;
    this.#nodeId = nodeId;
    this.#baseDomain = baseDomain;
  }

  /**
   * True: it is looked into whether an order wants this path, and answered, or `goOn` is called: then it is a request
   * as any other. Names under the base are never ordered for.
   */
  intercept(exchange: Exchange, goOn: () => void): boolean {
    const { request, visitor } = exchange;
    if (visitor.scheme !== 'http' || !request.target.startsWith(PATH)) return false;
    const token = request.target.slice(PATH.length);
    const host = request.hostname;
    if (request.method !== 'GET' || !TOKEN.test(token) || this.#isOurs(host)) return false;
    if (this.#underWay >= AT_ONCE_MAX) return false;
    this.#underWay += 1;
    this.#client
      .challenge({ nodeId: this.#nodeId, kind: 'http-01', host, token })
      .then(
        ({ answer }) => answer,
        () => null,
      )
      .then((answer) => {
        this.#underWay -= 1;
        if (answer === null) goOn();
        else answerWhole(exchange, 200, ['Content-Type', 'application/octet-stream'], Buffer.from(answer));
      });
    return true;
  }

  /** The certificate that proves the name by its very handshake, as PEM with its key; null: nothing is under way. */
  async certificate(host: string): Promise<string | null> {
    if (this.#isOurs(host)) return null;
    const { answer } = await this.#client.challenge({ nodeId: this.#nodeId, kind: 'tls-alpn-01', host });
    return answer;
  }

  #isOurs(host: string): boolean {
    return host === this.#baseDomain || host.endsWith(`.${this.#baseDomain}`);
  }
}
