import { EventEmitter, once } from 'node:events';
import { type Listener, SessionBuilder } from '@ngrok/ngrok';
import type { Sdk, SdkEndpointOptions } from '../sdk-client.ts';
import { portOf, urlOf } from './sdk.ts';

/** The official npm package. */
export const javascriptSdk: Sdk = {
  name: 'the JavaScript SDK',
  clientType: 'ngrok-javascript',
  version: '1.7.0',
  missing: null,
  prepare: async () => {},
  dispose: () => {},
  start: async (
    env,
    { metadata = '', handlesCommands = true, server = `localhost:${portOf(env.connectUrl)}` } = {},
  ) => {
    const commands = new EventEmitter();
    const connection = new EventEmitter();
    const builder = new SessionBuilder()
      .authtoken(env.authtoken)
      .serverAddr(server)
      .caCert(Buffer.from(env.ca))
      .metadata(metadata)
      .handleDisconnection(() => {
        connection.emit('lost');
        // To reconnect.
        return true;
      });
    if (handlesCommands) {
      builder
        .handleStopCommand(() => void commands.emit('stop'))
        .handleRestartCommand(() => void commands.emit('restart'))
        .handleUpdateCommand(() => void commands.emit('update'));
    }
    const session = await builder.connect();
    const open = new Set<Listener>();
    const forward = async (options: SdkEndpointOptions): Promise<Listener> => {
      const url = new URL(options.url.replace(/:\/\/$/, '://any'));
      const scheme = url.protocol.slice(0, -1);
      const host = url.hostname === 'any' ? null : url.hostname;
      if (scheme === 'tcp') {
        const tcp = session.tcpEndpoint();
        if (url.port !== '') tcp.remoteAddr(url.host);
        return shared(tcp, options).listenAndForward(options.upstream);
      }
      if (scheme === 'tls') {
        const tls = session.tlsEndpoint();
        if (host !== null) tls.domain(host);
        return shared(tls, options).listenAndForward(options.upstream);
      }
      const http = session.httpEndpoint().scheme(scheme);
      if (host !== null) http.domain(host);
      if (options.protocol !== undefined) http.appProtocol(options.protocol);
      if (options.binding !== undefined) http.binding(options.binding);
      if (options.verifiesUpstream !== undefined) http.verifyUpstreamTls(options.verifiesUpstream);
      return shared(http, options).listenAndForward(options.upstream);
    };
    return {
      forward: async (options) => {
        const listener = await forward(options).catch(withCode);
        open.add(listener);
        return {
          url: urlOf(listener),
          // The package reports it by ending `join()` alone, which holds the listener and cannot be given up.
          ended: null,
          close: async () => {
            open.delete(listener);
            await listener.close();
          },
        };
      },
      commanded: async (command) => {
        await once(commands, command);
      },
      disconnected: async () => {
        await once(connection, 'lost');
      },
      stop: async () => {
        for (const listener of open) await listener.close();
        await session.close();
      },
    };
  },
};

/** Of what `listenAndForward` rejects with, only the text has the code. */
function withCode(error: Error): never {
  const [errorCode] = /ERR_NGROK_\d+/.exec(error.message) ?? [];
  throw Object.assign(new Error(error.message, { cause: error }), { errorCode });
}

interface SharedOptions<B> {
  metadata(metadata: string): B;
  poolingEnabled(enabled: boolean): B;
  trafficPolicy(policy: string): B;
  proxyProto(version: string): B;
}

function shared<B extends SharedOptions<B>>(builder: B, options: SdkEndpointOptions): B {
  const { metadata, pooling, policy, proxyProto } = options;
  if (metadata !== undefined) builder.metadata(metadata);
  if (pooling !== undefined) builder.poolingEnabled(pooling);
  if (policy !== undefined) builder.trafficPolicy(policy);
  if (proxyProto !== undefined) builder.proxyProto(String(proxyProto));
  return builder;
}
