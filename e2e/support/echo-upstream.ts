import { createHash } from 'node:crypto';
import { httpUpstream, type Upstream } from './upstream.ts';

export interface EchoUpstream extends Upstream {
  /** How often each POST was seen whole, by its id; more than once means that it was repeated. */
  readonly seen: ReadonlyMap<string, number>;
}

/** Answers `<x-id> <sha256 of the body>` and remembers which ids it saw. */
export async function echoUpstream(): Promise<EchoUpstream> {
  const seen = new Map<string, number>();
  const upstream = await httpUpstream((request, response) => {
    const id = String(request.headers['x-id']);
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      if (request.method === 'POST') seen.set(id, (seen.get(id) ?? 0) + 1);
      response.end(`${id} ${hash.digest('hex')}`);
    });
  });
  return { ...upstream, seen };
}
