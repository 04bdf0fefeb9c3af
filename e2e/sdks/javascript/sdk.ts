import { type Session, SessionBuilder } from '@ngrok/ngrok';
import type { DevEnv } from '@portico/dev-env';

/**
 * A session of the official package at `env`. Its `close()` leaves the connection open and only stops answering beats
 * (protocol notes, section 6): what the session has open ends with the edge, or with `listener.close()`.
 */
export function connectSdk(
  env: DevEnv,
  options: {
    port?: number;
    metadata?: string;
    /** At least 1. */
    heartbeatSeconds?: number;
    toleranceSeconds?: number;
    onHeartbeat?: (latencyMs: number) => void;
    onDisconnected?: () => void;
  } = {},
): Promise<Session> {
  const {
    port = portOf(env.connectUrl),
    metadata = '',
    heartbeatSeconds,
    toleranceSeconds,
    onHeartbeat,
    onDisconnected,
  } = options;
  const builder = new SessionBuilder()
    .authtoken(env.authtoken)
    .serverAddr(`localhost:${port}`)
    .caCert(Buffer.from(env.ca))
    .metadata(metadata);
  if (heartbeatSeconds !== undefined) builder.heartbeatInterval(heartbeatSeconds);
  if (toleranceSeconds !== undefined) builder.heartbeatTolerance(toleranceSeconds);
  if (onHeartbeat !== undefined) builder.handleHeartbeat(onHeartbeat);
  if (onDisconnected !== undefined) {
    builder.handleDisconnection(() => {
      onDisconnected();
      // To reconnect.
      return true;
    });
  }
  return builder.connect();
}

/** The same for `forward()`, in a session of its own. */
export function forwardOptions(env: DevEnv): {
  server_addr: string;
  session_ca_cert: string;
  authtoken: string;
  force_new_session: boolean;
} {
  return {
    server_addr: env.connectUrl,
    session_ca_cert: env.ca,
    authtoken: env.authtoken,
    force_new_session: true,
  };
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** The URL of a listener, which every listener but a labelled one has. */
export function urlOf(listener: { url(): string | null }): string {
  const url = listener.url();
  if (url === null) throw new Error('the listener has no URL');
  return url;
}
