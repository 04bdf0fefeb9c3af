import { request } from 'node:https';

export interface VisitAnswer {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own, TLS verified. */
export function visit(
  edge: { readonly https: { readonly port: number }; readonly ca: string },
  host: string,
  path = '/',
  headers: Readonly<Record<string, string>> = {},
): Promise<VisitAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: edge.https.port,
        servername: host,
        path,
        ca: edge.ca,
        headers: { host, ...headers },
        agent: false,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** Looks until it sees what is wanted; the test's own time limit ends it. */
export async function eventually<T>(look: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
