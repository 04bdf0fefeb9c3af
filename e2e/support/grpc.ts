import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';

/** A gRPC service whose messages are plain text. */
export interface GrpcUpstream {
  readonly port: number;
  close(): void;
}

const text = {
  requestSerialize: (message: string) => Buffer.from(message),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (message: string) => Buffer.from(message),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const definition = {
  greet: { path: '/test.Echo/Greet', requestStream: false, responseStream: false, ...text },
  talk: { path: '/test.Echo/Talk', requestStream: true, responseStream: true, ...text },
};

/**
 * `Greet` answers `hello <name>` with trailers, or NOT_FOUND for `nobody`; `Talk` answers each message as it comes, and
 * ends with how many there were in its trailers.
 */
export async function grpcUpstream(): Promise<GrpcUpstream> {
  const server = new Server();
  server.addService(definition, {
    greet: (
      call: { request: string; metadata: Metadata },
      answer: (error: Partial<ServiceError> | null, value?: string, trailer?: Metadata) => void,
    ) => {
      if (call.request === 'nobody') {
        answer({ code: status.NOT_FOUND, details: 'nobody is here' });
        return;
      }
      const trailer = new Metadata();
      trailer.set('x-asked-as', String(call.metadata.get('x-as')[0] ?? ''));
      answer(null, `hello ${call.request}`, trailer);
    },
    talk: (call: ServerDuplexStream<string, string>) => {
      let count = 0;
      call.on('data', (message: string) => {
        count += 1;
        call.write(`${count}: ${message}`);
      });
      call.on('end', () => {
        const trailer = new Metadata();
        trailer.set('x-count', String(count));
        call.end(trailer);
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

/** A client of it over HTTPS, whose certificate it verifies. */
export class GrpcVisitor {
  readonly #client: Client;

  constructor({ port, host, ca }: { port: number; host: string; ca: string }) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(ca)), {
      'grpc.ssl_target_name_override': host,
      'grpc.default_authority': `${host}:${port}`,
    });
  }

  greet(name: string, as = ''): Promise<{ readonly value: string; readonly trailer: Metadata }> {
    const metadata = new Metadata();
    metadata.set('x-as', as);
    return new Promise((resolve, reject) => {
      let value = '';
      const call = this.#client.makeUnaryRequest(
        definition.greet.path,
        text.requestSerialize,
        text.responseDeserialize,
        name,
        metadata,
        (error, answer) => {
          if (error !== null) reject(error);
          else value = answer ?? '';
        },
      );
      call.on('status', ({ code, metadata: trailer }) => {
        if (code === status.OK) resolve({ value, trailer });
      });
    });
  }

  talk() {
    return this.#client.makeBidiStreamRequest(definition.talk.path, text.requestSerialize, text.responseDeserialize);
  }

  close(): void {
    this.#client.close();
  }
}
