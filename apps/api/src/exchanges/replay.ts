import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { type CapturedSide, type ReplayClaim, replayField, replayPurpose } from '@portico/api-contract/internal';
import type { ExchangeReplay } from '@portico/api-contract/public';
import type { ExchangeRow } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId, signText } from '@portico/service';
import type { KeyStore } from '../keys/key-store.ts';

/** Where an edge takes visitors. */
export interface VisitorPorts {
  readonly host: string;
  readonly http: number;
  readonly https: number;
}

const answerWithinMs = 30_000;
/** The signature is for one request that leaves at once. */
const claimLifeMs = 60_000;

/**
 * Those that belong to one hop, that are made anew, or that the server wrote for the upstream. Everything else is sent
 * again as the visitor had sent it.
 */
const notSentAgain: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  replayField,
]);

/**
 * Sends an exchange's request again through the edge's front door, with what is to be different. The edge records it under
 * the id that this returns, as a repetition of the original.
 *
 * @throws PorticoError 409 when it cannot be repeated as it was · 215 for a field that cannot be sent · 503 when no edge
 *   answers.
 */
export async function sendReplay(
  { keys, now }: { keys: KeyStore; now: () => Date },
  { original, side, changes, url, ports }: ReplayOrder,
  onSending: (id: string) => void,
): Promise<{ id: string; status: number | null }> {
  const method = (changes.method ?? original.method).toUpperCase();
  const body = bodyOf(side, changes);
  const id = newId('req', now().getTime());
  const claim: ReplayClaim = { id, of: original.id, host: url.hostname, until: now().getTime() + claimLifeMs };
  const headers = [
    ...['Host', url.host],
    ...[replayField, signText(newestKey(keys), replayPurpose, claim)],
    ...fieldsOf(side, changes),
    ...(body.length > 0 || !['GET', 'HEAD'].includes(method) ? ['Content-Length', String(body.length)] : []),
    ...['Connection', 'close'],
  ];
  const path = changes.path ?? original.target;
  onSending(id);
  const response = await send({ url, ports, method, path, headers, body, rootPem: keys.root?.certificatePem ?? null });
  return { id, status: response };
}

export interface ReplayOrder {
  readonly original: ExchangeRow;
  /** What was kept of the request; null when only its line was. */
  readonly side: CapturedSide | null;
  readonly changes: ExchangeReplay;
  /** Of the endpoint that gets it. */
  readonly url: URL;
  readonly ports: VisitorPorts;
}

function bodyOf(side: CapturedSide | null, changes: ExchangeReplay): Buffer {
  if (changes.body !== undefined && changes.body !== null) return Buffer.from(changes.body, 'base64');
  if (side === null) return Buffer.alloc(0);
  if (side.truncated) {
    throw new PorticoError(409, {
      reason: 'Only the beginning of its body was kept, so it cannot be sent again as it was. Give a body',
    });
  }
  return Buffer.from(side.body, 'base64');
}

/** Flat, as node:http takes them. A hidden header that comes back without its value has its own. */
function fieldsOf(side: CapturedSide | null, changes: ExchangeReplay): string[] {
  const original = pairs(side?.fields ?? []);
  const wanted =
    changes.headers?.map(([name, value]): [string, string] => {
      if (value !== '') return [name, value];
      const own = original.find(([had]) => had.toLowerCase() === name.toLowerCase());
      return [name, own?.[1] ?? ''];
    }) ?? original;
  return wanted.filter(([name]) => !notSentAgain.has(name.toLowerCase())).flat();
}

function pairs(fields: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) result.push([fields[at] ?? '', fields[at + 1] ?? '']);
  return result;
}

function newestKey(keys: KeyStore): { id: string; secret: Buffer } {
  const [newest] = [...keys.bindKeys].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  if (newest === undefined) throw new PorticoError(503, { what: 'Sending a request again', seconds: 2 });
  return { id: newest.id, secret: Buffer.from(newest.secret, 'base64') };
}

interface Sending {
  readonly url: URL;
  readonly ports: VisitorPorts;
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer;
  readonly rootPem: string | null;
}

/** The answer's status; null when the connection ended without one. Its body is read and thrown away: the edge keeps it. */
function send({ url, ports, method, path, headers, body, rootPem }: Sending): Promise<number | null> {
  const signal = AbortSignal.timeout(answerWithinMs);
  const common = { host: ports.host, method, path, headers, signal, agent: false, setHost: false };
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage): void => {
      response.on('error', () => resolve(response.statusCode ?? null));
      response.on('close', () => resolve(response.statusCode ?? null));
      response.resume();
    };
    try {
      const request =
        url.protocol === 'https:'
          ? httpsRequest(
              {
                ...common,
                port: ports.https,
                servername: url.hostname,
                ca: rootPem === null ? [...rootCertificates] : [...rootCertificates, rootPem],
              },
              onAnswer,
            )
          : httpRequest({ ...common, port: ports.http }, onAnswer);
      request.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve(response.statusCode ?? null);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        // Before an answer an edge that is there closes only what a policy closes.
        if (['ECONNRESET', 'ABORT_ERR'].includes(error.code ?? '')) resolve(null);
        else reject(new PorticoError(503, { what: 'The edge', seconds: 2 }, { cause: error }));
      });
      request.end(body);
    } catch (error) {
      // What node:http does not send: control characters in a name or a value.
      reject(
        new PorticoError(215, {
          field: 'headers',
          reason: error instanceof Error ? error.message : 'it cannot be sent',
        }),
      );
    }
  });
}
