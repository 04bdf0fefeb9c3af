import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Asked {
  /** `https://host/path`, without a port. */
  readonly url: string;
  /** The visitor's address, told by a PROXY header: the edge must trust 127.0.0.1. */
  readonly from: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A content-length that is announced, and whose body never comes. */
  readonly announced?: number;
}

export interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own, from an address of one's choice. */
export async function visitFrom(
  edge: { readonly http: { readonly port: number }; readonly https: { readonly port: number }; readonly ca: string },
  { url, from, method = 'GET', headers = {}, body, announced }: Asked,
): Promise<Seen> {
  const { hostname, pathname, search, protocol } = new URL(url);
  const secure = protocol === 'https:';
  const port = secure ? edge.https.port : edge.http.port;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(`PROXY TCP4 ${from} 127.0.0.1 40000 ${port}\r\n`);
  const connection = secure ? connectTls({ socket, servername: hostname, ca: edge.ca }) : socket;
  if (secure) await once(connection, 'secureConnect');
  const options = {
    method,
    path: pathname + search,
    headers: {
      host: hostname,
      connection: 'close',
      ...headers,
      ...(announced === undefined ? {} : { 'content-length': String(announced) }),
    },
    createConnection: () => connection,
  };
  try {
    return await new Promise<Seen>((resolve, reject) => {
      const sent = secure ? httpsRequest(options) : httpRequest(options);
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      });
      if (announced === undefined) sent.end(body);
      else sent.flushHeaders();
    });
  } finally {
    connection.destroy();
    socket.destroy();
  }
}
