import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { httpUpstream, patternStream, type Upstream } from './upstream.ts';

export interface BodiesUpstream extends Upstream {
  /** One event to whoever listens at `/events`. */
  sendEvent(data: string): void;
  /** Resolves when nobody listens at `/events` any more. */
  eventsEnded(): Promise<void>;
  /** From now on `/held` answers nobody before `count` requests wait there at once; then everybody. */
  holdUntil(count: number): void;
  /** The most requests that ever waited at `/held` at once. */
  mostHeld(): number;
}

/**
 * A real HTTP service for exactness: `/down/<bytes>/<seed>` gives a pattern, `/up` answers with length, hash and
 * framing of what came, `/trailers` with the body and the trailers it got, `/events` is an event stream and `/held`
 * answers `x-id` once enough wait there.
 */
export async function bodiesUpstream(): Promise<BodiesUpstream> {
  const listening = new Set<ServerResponse>();
  const waiting = new Map<ServerResponse, string>();
  const onEventsEnded: (() => void)[] = [];
  let threshold = 1;
  let mostHeld = 0;
  const upstream = await httpUpstream((request, response) => {
    const [, kind, bytes, seed] = (request.url ?? '').split('/');
    if (kind === 'down') {
      response.setHeader('content-length', Number(bytes));
      patternStream(Number(bytes), Number(seed)).pipe(response);
    } else if (kind === 'up') {
      void answerHash(request, response);
    } else if (kind === 'trailers') {
      void answerTrailers(request, response);
    } else if (kind === 'events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      listening.add(response);
      response.on('close', () => {
        listening.delete(response);
        if (listening.size === 0) for (const resolve of onEventsEnded.splice(0)) resolve();
      });
    } else if (kind === 'held') {
      waiting.set(response, String(request.headers['x-id']));
      mostHeld = Math.max(mostHeld, waiting.size);
      response.on('close', () => waiting.delete(response));
      if (waiting.size < threshold) return;
      threshold = 1;
      for (const [held, id] of waiting) held.end(id);
    } else {
      response.writeHead(404).end();
    }
  });
  return {
    ...upstream,
    sendEvent: (data) => {
      for (const response of listening) response.write(`data: ${data}\n\n`);
    },
    eventsEnded: async () => {
      if (listening.size > 0) await new Promise<void>((resolve) => onEventsEnded.push(resolve));
    },
    holdUntil: (count) => {
      threshold = count;
    },
    mostHeld: () => mostHeld,
  };
}

async function answerHash(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of request) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch {
    return;
  }
  const framing =
    request.headers['transfer-encoding'] ?? (request.headers['content-length'] === undefined ? 'none' : 'length');
  response.end(JSON.stringify({ bytes, hash: hash.digest('hex'), framing }));
}

async function answerTrailers(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = `${request.headers['transfer-encoding']}: `;
  for await (const chunk of request) text += String(chunk);
  response.setHeader('trailer', 'x-seen-sum, x-answer-sum');
  response.write(text);
  response.addTrailers({ 'x-seen-sum': request.trailers['x-sent-sum'] ?? 'none', 'x-answer-sum': String(text.length) });
  response.end();
}
