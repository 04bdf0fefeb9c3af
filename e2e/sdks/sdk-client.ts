import type { DevEnv } from '@portico/dev-env';

/** What both official SDKs can ask of an endpoint, in words of neither. */
export interface SdkEndpointOptions {
  /** `https://host`, `http://host`, `tcp://host:port`, `tls://host`, or a scheme alone for any name. */
  readonly url: string;
  readonly upstream: string;
  readonly metadata?: string;
  readonly pooling?: boolean;
  readonly protocol?: 'http2';
  readonly policy?: string;
  readonly binding?: 'internal' | 'kubernetes';
  readonly proxyProto?: 1 | 2;
  /** Of an https upstream; the SDK's own choice if nothing is said. */
  readonly verifiesUpstream?: boolean;
}

export interface SdkOptions {
  readonly metadata?: string;
  /** Whether its program follows stop, restart and update; it does unless told otherwise. */
  readonly handlesCommands?: boolean;
  /** `host:port` to dial in place of the edge itself. */
  readonly server?: string;
}

/** Rejects with an error that has `errorCode` (`ERR_NGROK_334`), whichever SDK it is. */
export interface SdkAgent {
  forward(options: SdkEndpointOptions): Promise<SdkEndpoint>;
  /** The next command of that kind that its program was given. */
  commanded(command: 'stop' | 'restart' | 'update'): Promise<void>;
  /** The next time that it loses its connection. */
  disconnected(): Promise<void>;
  /** Ends it, or as much of it as its SDK lets end. */
  stop(): Promise<void>;
}

export interface SdkEndpoint {
  readonly url: string;
  close(): Promise<void>;
  /** Resolves when the SDK reports that the endpoint is over; null where it does not report that. */
  readonly ended: Promise<void> | null;
}

export interface Sdk {
  readonly name: string;
  /** What it says of itself. */
  readonly clientType: string;
  readonly version: string;
  /** Why it cannot run here, in one line; null if it can. */
  readonly missing: string | null;
  /** Builds what it needs, once. */
  prepare(): Promise<void>;
  start(env: DevEnv, options?: SdkOptions): Promise<SdkAgent>;
  dispose(): void;
}
