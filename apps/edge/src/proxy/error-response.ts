import { STATUS_CODES } from 'node:http';
import { errorName, ownerText, type PorticoError, visitorText } from '@portico/errors';
import { getFields } from '@portico/http-rules';
import {
  ALLOWED_METHODS,
  type BodyKind,
  encodeResponseHead,
  type Fields,
  NO_BODY,
  type ResponseHead,
} from '@portico/http1';
import { type Logger, newId } from '@portico/service';
import type { Endpoint, Member } from '../endpoint/endpoint.ts';
import { describeError } from './describe-error.ts';
import { renderErrorPage, STYLE_HASH } from './error-page.ts';
import type { Exchange } from './exchange.ts';
import type { UpstreamFailure } from './upstream-exchange.ts';

/** What is known of the path at the moment of the failure. */
export interface ErrorCircumstances {
  readonly endpoint?: Endpoint;
  readonly member?: Member | null;
  readonly failure?: UpstreamFailure | null;
  /** Another status than the catalogue's: what the parser found. */
  readonly status?: number;
}

export interface ErrorAnswersOptions {
  readonly log: Logger;
  /** Shown under "Edge". */
  readonly edgeName?: string;
  /** Under it a name is given to agents as `--subdomain`. */
  readonly baseDomain?: string;
  /** Whether visitors see the agent's name and the upstream's address. */
  readonly showDetailsTo?: 'everyone' | 'nobody';
  /** Where codes are explained; null: no link. */
  readonly codeUrl?: ((code: number) => string) | null;
  /** The dashboard's page of this host; it answers only the owner. Null: no link. */
  readonly inspectorUrl?: ((host: string) => string) | null;
  readonly now?: () => Date;
  readonly newRequestId?: () => string;
}

/** Every answer that the edge itself makes for a visitor. */
export class ErrorAnswers {
  readonly #options: ErrorAnswersOptions;
  readonly #now: () => Date;
  readonly #newRequestId: () => string;

  constructor(options: ErrorAnswersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#newRequestId = options.newRequestId ?? (() => newId('req'));
  }

  /** Answers the exchange and ends it: a page for browsers, short text for everybody else. */
  answer(exchange: Exchange, error: PorticoError, circumstances: ErrorCircumstances = {}): void {
    const { log, edgeName = 'edge', baseDomain = '', showDetailsTo = 'everyone' } = this.#options;
    const status = circumstances.status ?? error.status;
    const requestId = exchange.notes?.id ?? this.#newRequestId();
    const level = error.entry.family === 'internal' ? 'info' : 'debug';
    log[level](
      { requestId, endpointId: circumstances.endpoint?.id, code: error.code, host: exchange.request.hostname },
      error.message,
    );
    const showDetails = showDetailsTo === 'everyone';
    const html = wantsHtml(exchange.request.fields);
    let body: Buffer;
    if (html) {
      const { codeUrl = null, inspectorUrl = null } = this.#options;
      const { hostname } = exchange.request;
      const links = [
        ...(codeUrl === null ? [] : [{ text: 'What this code means', href: codeUrl(error.code) }]),
        ...(inspectorUrl === null ? [] : [{ text: 'Yours? Open in Inspector', href: inspectorUrl(hostname) }]),
      ];
      const view = describeError({ exchange, error, circumstances, edgeName, baseDomain, showDetails });
      const page = {
        ...view,
        status,
        reason: reasonOf(status),
        code: errorName(error.code),
        requestId,
        at: this.#now(),
        links,
      };
      body = Buffer.from(renderErrorPage(page));
    } else {
      body = Buffer.from(plainText(error, showDetails));
    }
    const own = ['Ngrok-Error-Code', errorName(error.code)];
    const fields = errorFields(html ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8');
    const retryAfter = retryAfterSeconds(error, status);
    if (retryAfter !== null) fields.push('Retry-After', String(retryAfter));
    if (status === 405) fields.push('Allow', ALLOWED_METHODS);
    answerWhole(exchange, status, fields, body, own);
  }

  /** A whole answer for a connection on which no request could be read; the connection is closed after it. */
  plainAnswer(error: PorticoError, status: number): Buffer {
    const body = Buffer.from(plainText(error, false));
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
    return { text: plainText(error, false), headers };
  }

  /** An error of ours that ended one exchange. */
  report(error: unknown): void {
    this.#options.log.error({ err: error }, 'an exchange failed');
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
  return [
    'Content-Type',
    contentType,
    'Cache-Control',
    'no-store',
    'Content-Security-Policy',
    contentType.startsWith('text/html') ? PAGE_POLICY : "default-src 'none'",
    'X-Content-Type-Options',
    'nosniff',
    'Referrer-Policy',
    'no-referrer',
    'Vary',
    'Accept',
  ];
}

/** Nothing but the page's own style and its icon, which is part of the page too. */
const PAGE_POLICY = `default-src 'none'; style-src '${STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Browsers name text/html when they load a page; a wildcard alone is a program. */
function wantsHtml(fields: Fields): boolean {
  for (const accept of getFields(fields, 'accept')) {
    for (const element of accept.toLowerCase().split(',')) {
      const [type = '', ...parameters] = element.split(';').map((part) => part.trim());
      if (type === 'text/html' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return true;
    }
  }
  return false;
}

function retryAfterSeconds(error: PorticoError, status: number): number | null {
  if (status !== 503 && status !== 429 && error.code !== 3210) return null;
  const { seconds } = error.details;
  return error.code === 503 && typeof seconds === 'number' ? seconds : 1;
}

/** Failures whose second sentence tells the owner, and everybody else, where to look. */
const EXPLAINED: ReadonlySet<number> = new Set([8012, 3004, 3005, 3006]);

/** Short text for programs; its last line is the code alone. */
function plainText(error: PorticoError, showDetails: boolean): string {
  const detail =
    showDetails && EXPLAINED.has(error.code) ? `\n${ownerText(error.code, error.details).slice(0, 1_000)}` : '';
  return `${visitorText(error.code, error.details)}${printable(detail)}\n\n${errorName(error.code)}\n`;
}

/** What agents and visitors say of themselves must not be able to write lines of its own. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
