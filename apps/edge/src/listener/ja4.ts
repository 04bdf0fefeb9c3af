import { createHash } from 'node:crypto';
import { type HelloOffer, isGrease, readHelloOffer } from './client-hello.ts';

/** Of one connection: made when it is asked for, once, out of the bytes that it keeps until then. */
export class ClientFingerprint {
  #clientHello: Buffer | null;
  #ja4: string | null = null;

  constructor(clientHello: Buffer) {
    this.#clientHello = clientHello;
  }

  get ja4(): string | null {
    if (this.#clientHello !== null) {
      this.#ja4 = ja4Of(this.#clientHello);
      this.#clientHello = null;
    }
    return this.#ja4;
  }
}

const SERVER_NAME = 0;
const ALPN = 16;

/** How JA4 writes a version; what is none of these is `00`. */
const versions = new Map([
  [0x0304, '13'],
  [0x0303, '12'],
  [0x0302, '11'],
  [0x0301, '10'],
  [0x0300, 's3'],
]);

/**
 * The JA4 fingerprint of a ClientHello over TCP (FoxIO's technical details of JA4): which TLS library a client uses,
 * whatever it says of itself, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`. Null when the bytes are none.
 */
export function ja4Of(clientHello: Buffer): string | null {
  const offer = readHelloOffer(clientHello);
  return offer === null ? null : ja4(offer);
}

function ja4(offer: HelloOffer): string {
  const ciphers = offer.cipherSuites.filter((each) => !isGrease(each));
  const extensions = offer.extensions.filter((each) => !isGrease(each));
  const a = [
    't',
    versions.get(offer.version) ?? '00',
    offer.serverName ? 'd' : 'i',
    count(ciphers),
    count(extensions),
    protocol(offer.firstProtocol),
  ].join('');
  const named = extensions.filter((each) => each !== SERVER_NAME && each !== ALPN);
  const algorithms = offer.signatureAlgorithms.filter((each) => !isGrease(each)).map(hex);
  const c = [sorted(named), ...(algorithms.length > 0 ? [algorithms.join()] : [])].join('_');
  return `${a}_${digest(sorted(ciphers))}_${extensions.length === 0 ? NOTHING : digest(c)}`;
}

const NOTHING = '000000000000';

function digest(text: string): string {
  return text === '' ? NOTHING : createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function sorted(values: readonly number[]): string {
  return values.map(hex).sort().join();
}

function hex(value: number): string {
  return value.toString(16).padStart(4, '0');
}

function count({ length }: readonly number[]): string {
  return String(Math.min(99, length)).padStart(2, '0');
}

/** First and last character of the first protocol; of its hexadecimal form where they are no letters or digits. */
function protocol(first: Buffer | null): string {
  if (first === null || first.length === 0) return '00';
  const text = first.toString('latin1');
  const ends = `${text.at(0)}${text.at(-1)}`;
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const digits = first.toString('hex');
  return `${digits.at(0)}${digits.at(-1)}`;
}
