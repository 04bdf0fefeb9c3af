import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { challengeAnswers, type Database } from '@portico/db';
import type { Logger } from '@portico/service';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, type Question } from 'dns-packet';

const messageBytesMax = 512;
const connectionsMax = 64;
const questionsAtOnce = 256;
const idleMs = 5_000;
const NO_ERROR = 0;
const NAME_ERROR = 3;
const REFUSED = 5;

/**
 * A name server for one zone, `acme.<base>`, that knows nothing but the texts of dns-01 challenges that are under
 * way. Owners of wildcards point `_acme-challenge` of their name to a label here; the operator delegates the zone.
 */
export class ChallengeDns {
  readonly #database: Database;
  readonly #zone: string;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  #underWay = 0;

  constructor(options: { database: Database; baseDomain: string; now: () => Date; log: Logger }) {
    this.#database = options.database;
    this.#zone = `acme.${options.baseDomain}`;
    this.#now = options.now;
    this.#log = options.log;
    this.#udp.on('message', (bytes, peer) => {
      void this.#answer(bytes).then((answer) => {
        if (answer !== null) this.#udp.send(answer, peer.port, peer.address, () => {});
      });
    });
    this.#udp.on('error', (error) => this.#log.warn({ err: error }, 'the name server of challenges failed'));
    this.#tcp = createServer((socket) => this.#serve(socket));
  }

  /** Opens both; rejects with the system's error. The port, which may be given as 0. */
  async listen(port: number, address: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#udp.once('error', reject);
      this.#udp.bind(port, address, () => {
        this.#udp.off('error', reject);
        resolve();
      });
    });
    const bound = this.#udp.address().port;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', reject);
      this.#tcp.listen(bound, address, resolve);
    });
    return (this.#tcp.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise<void>((resolve) => {
      try {
        this.#udp.close(() => resolve());
      } catch {
        resolve();
      }
    });
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  /** RFC 7766: each message has its length before it. */
  #serve(socket: Socket): void {
    if (this.#connections.size >= connectionsMax) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => this.#connections.delete(socket));
    let held = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length > 2 * messageBytesMax) {
        socket.destroy();
        return;
      }
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const message = held.subarray(2, end);
        held = held.subarray(end);
        void this.#answer(message).then((answer) => {
          if (answer === null || socket.destroyed) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        });
      }
    });
  }

  /** Null: nothing is said, because it is no question or there are too many. */
  async #answer(bytes: Buffer): Promise<Buffer | null> {
    if (this.#underWay >= questionsAtOnce) return null;
    this.#underWay += 1;
    try {
      const packet = decodeQuestion(bytes);
      const [question] = packet?.questions ?? [];
      if (packet === null || question === undefined) return null;
      const { code, answers } = await this.#lookUp(question);
      return encode({
        type: 'response',
        id: packet.id ?? 0,
        flags: AUTHORITATIVE_ANSWER | code,
        questions: [question],
        answers,
      });
    } catch (error) {
      this.#log.debug({ err: error }, 'a question about a challenge was not answered');
      return null;
    } finally {
      this.#underWay -= 1;
    }
  }

  async #lookUp({ name, type }: Question): Promise<{ code: number; answers: Answer[] }> {
    const host = name.toLowerCase().replace(/\.$/, '');
    if (host === this.#zone) return { code: NO_ERROR, answers: [] };
    if (!host.endsWith(`.${this.#zone}`)) return { code: REFUSED, answers: [] };
    const label = host.slice(0, -(this.#zone.length + 1));
    if (!/^[0-9a-f]{20}$/.test(label)) return { code: NAME_ERROR, answers: [] };
    if (type !== 'TXT') return { code: NO_ERROR, answers: [] };
    const texts = await challengeAnswers(this.#database.queries, { kind: 'dns-01', host: label }, this.#now());
    return { code: NO_ERROR, answers: texts.map((data) => ({ type: 'TXT', name, ttl: 0, data })) };
  }
}

/** Null for what is no question: the library throws on hostile packets. */
function decodeQuestion(bytes: Buffer): Packet | null {
  if (bytes.length > messageBytesMax) return null;
  try {
    const packet = decode(bytes);
    return packet.type === 'query' && packet.questions?.length === 1 ? packet : null;
  } catch {
    return null;
  }
}
