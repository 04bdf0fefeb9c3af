import { STATUS_CODES } from 'node:http';
import { errorName, type PorticoError, visitorText } from '@portico/errors';
import { type BodyKind, encodeResponseHead, type Fields, NO_BODY, type ResponseHead } from '@portico/http1';
import type { Logger } from '@portico/service';
import type { Endpoint, Member } from '../endpoint/endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { UpstreamFailure } from './http-stream.ts';

/** What is known of the path at the moment of the failure. */
export interface ErrorCircumstances {
  readonly endpoint?: Endpoint;
  readonly member?: Member | null;
  readonly failure?: UpstreamFailure | null;
  /** Another status than the catalogue's: what the parser found. */
  readonly status?: number;
}

/** Every answer that the edge itself makes for a visitor. */
export class ErrorAnswers {
  readonly #log: Logger;

  constructor({ log }: { log: Logger }) {
    this.#log = log;
  }

  /** Answers the exchange and ends it. */
  answer(exchange: Exchange, error: PorticoError, circumstances: ErrorCircumstances = {}): void {
    const status = circumstances.status ?? error.status;
    const body = Buffer.from(plainText(error));
    answerWhole(exchange, status, errorFields('text/plain; charset=utf-8'), body, [
      'Ngrok-Error-Code',
      errorName(error.code),
    ]);
  }

  /** A whole answer for a connection on which no request could be read; the connection is closed after it. */
  plainAnswer(error: PorticoError, status: number): Buffer {
    const body = Buffer.from(plainText(error));
    const fields = errorFields('text/plain; charset=utf-8');
    fields.push(
      'Content-Length',
      String(body.length),
      'Ngrok-Error-Code',
      errorName(error.code),
      'Connection',
      'close',
    );
    return Buffer.concat([encodeResponseHead({ status, reason: reasonOf(status), fields }), body]);
  }

  /** Text and headers for answers that node:http sends. */
  plainBody(error: PorticoError): { text: string; headers: Record<string, string> } {
    const headers: Record<string, string> = { 'ngrok-error-code': errorName(error.code) };
    const fields = errorFields('text/plain; charset=utf-8');
    for (let i = 0; i < fields.length; i += 2) headers[fields[i] ?? ''] = fields[i + 1] ?? '';
    return { text: plainText(error), headers };
  }

  /** An error of ours that ended one exchange. */
  report(error: unknown): void {
    this.#log.error({ err: error }, 'an exchange failed');
  }
}

/** A head that the edge makes itself. */
export function ownHead(status: number, fields: Fields, body: BodyKind): ResponseHead {
  return { status, reason: reasonOf(status), minor: 1, fields, body, keepAlive: true, upgrade: null };
}

/** A whole answer of the edge; to HEAD without the body. */
export function answerWhole(exchange: Exchange, status: number, fields: Fields, body: Buffer, own: Fields = []): void {
  fields.push('Date', new Date().toUTCString());
  if (exchange.request.method === 'HEAD') {
    fields.push('Content-Length', String(body.length));
    exchange.head(ownHead(status, fields, NO_BODY), own);
  } else {
    exchange.head(ownHead(status, fields, { kind: 'length', bytes: body.length }), own);
    exchange.write(body);
  }
  exchange.end([]);
}

function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? '';
}

function errorFields(contentType: string): Fields {
  return ['Content-Type', contentType, 'Cache-Control', 'no-store', 'Content-Security-Policy', "default-src 'none'"];
}

/** Short text for programs; its last line is the code alone. */
function plainText(error: PorticoError): string {
  return `${visitorText(error.code, error.details)}\n\n${errorName(error.code)}\n`;
}
