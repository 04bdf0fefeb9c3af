import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { z } from 'zod';
import {
  type AccountSettingsRequest,
  type AccountSettingsResponse,
  type AuthorizeBindRequest,
  type AuthorizeBindResponse,
  type AuthorizeSessionRequest,
  type AuthorizeSessionResponse,
  accountSettingsResponse,
  authorizeBindResponse,
  authorizeSessionResponse,
  type BatchResponse,
  batchResponse,
  type CertificateRequest,
  type CertificateResponse,
  type CertificateVersionsRequest,
  type CertificateVersionsResponse,
  type ChallengeRequest,
  type ChallengeResponse,
  type Change,
  type CommandOutcomeRequest,
  type CommandOutcomeResponse,
  certificateResponse,
  certificateVersionsResponse,
  challengeResponse,
  change,
  commandOutcomeResponse,
  type EndpointFeedRequest,
  type EndpointFeedResponse,
  type EventsRequest,
  type ExchangesReport,
  endpointFeedResponse,
  type HelloRequest,
  type HelloResponse,
  helloResponse,
  type IssuingRequest,
  type IssuingResponse,
  internalPaths,
  issuingResponse,
  type LookupDomainRequest,
  type LookupDomainResponse,
  lookupDomainResponse,
  type ReconcileRequest,
  type ReconcileResponse,
  reconcileResponse,
  type UsageRequest,
  type VisitorsRequest,
  type VisitorsResponse,
  visitorsResponse,
} from './internal.ts';

export interface InternalClientOptions {
  /** `http://127.0.0.1:4011`, without a path. */
  readonly baseUrl: string;
  readonly credential: string;
  /** For one whole call, connection included. */
  readonly deadlineMs?: number;
  /** The changes stream is taken for dead after this silence (a ping comes every 5 s). */
  readonly changesSilenceMs?: number;
  /** PEM of the CA that signed the API's certificate, for https. */
  readonly ca?: string;
}

/**
 * Why a call to the API failed.
 * - `unavailable`: no connection, no answer in time, or 503. Try again after `retryAfterMs`.
 * - `unauthorized`: the node credential is not accepted.
 * - `rejected`: the API calls the request wrong; trying again does not help.
 * - `bad-answer`: what came back is not the answer of this route.
 */
export class InternalApiError extends Error {
  override readonly name = 'InternalApiError';
  readonly kind: 'unavailable' | 'unauthorized' | 'rejected' | 'bad-answer';
  readonly status: number | null;
  readonly retryAfterMs: number;

  constructor(
    kind: InternalApiError['kind'],
    message: string,
    facts: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.status = facts.status ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? 1_000;
  }
}

const answerBytesMax = 16 * 1024 * 1024;
const lineCharsMax = 1024 * 1024;

/**
 * The edge's side of the internal routes: a few kept connections, one deadline a call, answers checked.
 * Every route may be repeated, so a call that met a connection closed meanwhile is sent once more.
 * `close()` ends the connections and every changes stream.
 */
export class InternalClient {
  readonly #base: URL;
  readonly #credential: string;
  readonly #deadlineMs: number;
  readonly #changesSilenceMs: number;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #streams = new Set<AbortController>();

  constructor(options: InternalClientOptions) {
    this.#base = new URL(options.baseUrl);
    this.#credential = options.credential;
    this.#deadlineMs = options.deadlineMs ?? 3_000;
    this.#changesSilenceMs = options.changesSilenceMs ?? 15_000;
    const pool = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, timeout: 60_000 };
    this.#agent = this.#base.protocol === 'https:' ? new HttpsAgent({ ...pool, ca: options.ca }) : new HttpAgent(pool);
  }

  hello(body: HelloRequest): Promise<HelloResponse> {
    return this.#call(internalPaths.hello, body, helloResponse);
  }

  authorizeSession(body: AuthorizeSessionRequest): Promise<AuthorizeSessionResponse> {
    return this.#call(internalPaths.authorizeSession, body, authorizeSessionResponse);
  }

  authorizeBind(body: AuthorizeBindRequest): Promise<AuthorizeBindResponse> {
    return this.#call(internalPaths.authorizeBind, body, authorizeBindResponse);
  }

  lookupDomain(body: LookupDomainRequest): Promise<LookupDomainResponse> {
    return this.#call(internalPaths.lookupDomain, body, lookupDomainResponse);
  }

  reconcile(body: ReconcileRequest): Promise<ReconcileResponse> {
    return this.#call(internalPaths.reconcile, body, reconcileResponse);
  }

  endpointFeed(body: EndpointFeedRequest): Promise<EndpointFeedResponse> {
    return this.#call(internalPaths.endpointFeed, body, endpointFeedResponse);
  }

  accountSettings(body: AccountSettingsRequest): Promise<AccountSettingsResponse> {
    return this.#call(internalPaths.accountSettings, body, accountSettingsResponse);
  }

  reportUsage(body: UsageRequest): Promise<BatchResponse> {
    return this.#call(internalPaths.usage, body, batchResponse);
  }

  /** Tells of visitors who signed in; the answer is which of all sessions are over. */
  visitors(body: VisitorsRequest): Promise<VisitorsResponse> {
    return this.#call(internalPaths.visitors, body, visitorsResponse);
  }

  reportEvents(body: EventsRequest): Promise<BatchResponse> {
    return this.#call(internalPaths.events, body, batchResponse);
  }

  reportExchanges(body: ExchangesReport): Promise<BatchResponse> {
    return this.#call(internalPaths.exchanges, body, batchResponse);
  }

  reportOutcome(body: CommandOutcomeRequest): Promise<CommandOutcomeResponse> {
    return this.#call(internalPaths.commandOutcome, body, commandOutcomeResponse);
  }

  certificate(body: CertificateRequest): Promise<CertificateResponse> {
    return this.#call(internalPaths.certificate, body, certificateResponse);
  }

  certificateVersions(body: CertificateVersionsRequest): Promise<CertificateVersionsResponse> {
    return this.#call(internalPaths.certificateVersions, body, certificateVersionsResponse);
  }

  challenge(body: ChallengeRequest): Promise<ChallengeResponse> {
    return this.#call(internalPaths.challenge, body, challengeResponse);
  }

  signIssuing(body: IssuingRequest): Promise<IssuingResponse> {
    return this.#call(internalPaths.issuing, body, issuingResponse);
  }

  /**
   * The changes as they come, pings left out. Ends without error when the API closes the stream or `signal`
   * aborts; throws `InternalApiError` when it cannot be opened, breaks or falls silent. The caller reconnects,
   * and reconciles its grants after each (re)connect.
   *
   * `onOpen` is called once the API has accepted the stream: from then on no change is missed.
   */
  async *changes(options: {
    nodeId: string;
    epoch: string;
    signal?: AbortSignal;
    onOpen?: () => void;
  }): AsyncGenerator<Change, void, undefined> {
    const own = new AbortController();
    const stop = (): void => own.abort();
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted) own.abort();
    this.#streams.add(own);
    try {
      const query = new URLSearchParams({ nodeId: options.nodeId, epoch: options.epoch });
      const response = await this.#open('GET', `${internalPaths.changes}?${query}`, null, own.signal);
      if (response.statusCode !== 200) throw await failure(response);
      // A stream that lives for hours: the socket's own timeout would end it, silence is watched here.
      response.socket.setTimeout(this.#changesSilenceMs, () =>
        response.destroy(new Error(`no line from the API for ${this.#changesSilenceMs} ms`)),
      );
      options.onOpen?.();
      for await (const line of lines(response)) {
        const parsed = change.safeParse(parseJson(line));
        // A kind that a newer API sends is not understood: the next reconciliation covers it.
        if (parsed.success && parsed.data.kind !== 'ping') yield parsed.data;
      }
    } catch (error) {
      if (own.signal.aborted) return;
      throw asApiError(error);
    } finally {
      own.abort();
      this.#streams.delete(own);
      options.signal?.removeEventListener('abort', stop);
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.abort();
    this.#agent.destroy();
  }

  async #call<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.infer<S>> {
    const signal = AbortSignal.timeout(this.#deadlineMs);
    try {
      const response = await this.#open('POST', path, Buffer.from(JSON.stringify(body)), signal);
      if (response.statusCode !== 200) throw await failure(response);
      const parsed = schema.safeParse(parseJson(await readAll(response)));
      if (!parsed.success) {
        throw new InternalApiError('bad-answer', `${path} answered in an unknown shape: ${parsed.error.message}`);
      }
      return parsed.data;
    } catch (error) {
      if (signal.aborted) {
        throw new InternalApiError('unavailable', `${path} gave no answer within ${this.#deadlineMs} ms`);
      }
      throw asApiError(error);
    }
  }

  async #open(method: string, path: string, body: Buffer | null, signal: AbortSignal): Promise<IncomingMessage> {
    for (let tries = 1; ; tries += 1) {
      const request = this.#request(method, path, body, signal);
      try {
        return await answerOf(request, body);
      } catch (error) {
        // The API closed an idle connection while this request was on its way into it.
        const closedMeanwhile = request.reusedSocket && isCode(error, 'ECONNRESET', 'EPIPE');
        if (!closedMeanwhile || tries > 2) throw error;
      }
    }
  }

  #request(method: string, path: string, body: Buffer | null, signal: AbortSignal): ClientRequest {
    const secure = this.#base.protocol === 'https:';
    return (secure ? httpsRequest : httpRequest)({
      agent: this.#agent,
      host: this.#base.hostname,
      port: this.#base.port === '' ? (secure ? 443 : 80) : Number(this.#base.port),
      method,
      path,
      signal,
      headers: {
        authorization: `Bearer ${this.#credential}`,
        accept: 'application/json',
        ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      },
    });
  }
}

function answerOf(request: ClientRequest, body: Buffer | null): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Stays: after the response an abort is reported here too, and the reader sees it anyway.
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

async function failure(response: IncomingMessage): Promise<InternalApiError> {
  const status = response.statusCode ?? 0;
  const text = await readAll(response);
  const message = `the API answered ${status}: ${text.slice(0, 500)}`;
  if (status === 401 || status === 403) return new InternalApiError('unauthorized', message, { status });
  if (status >= 400 && status < 500 && status !== 429) return new InternalApiError('rejected', message, { status });
  const seconds = Number(response.headers['retry-after']);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1_000 : 1_000;
  return new InternalApiError('unavailable', message, { status, retryAfterMs });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > answerBytesMax) {
      response.destroy();
      throw new InternalApiError('bad-answer', `an answer of more than ${answerBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function* lines(response: IncomingMessage): AsyncGenerator<string, void, undefined> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    rest += String(chunk);
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line !== '') yield line;
    }
    if (rest.length > lineCharsMax)
      throw new InternalApiError('bad-answer', 'a line of the changes stream is too long');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InternalApiError('bad-answer', 'the API answered something that is not JSON', { cause });
  }
}

function asApiError(error: unknown): InternalApiError {
  if (error instanceof InternalApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new InternalApiError('unavailable', `the API cannot be reached: ${message}`, { cause: error });
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => error.code === code);
}
