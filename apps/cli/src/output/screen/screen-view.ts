import type { AgentState, ConnectionFigures, Exchange, Finding } from '@portico/agent';

/** Everything that one frame of the screen shows. */
export interface ScreenView {
  readonly now: Date;
  readonly state: AgentState;
  /** When the next try comes, in ms from now; null unless reconnecting. */
  readonly retryInMs: number | null;
  readonly connectUrl: string;
  readonly agentName: string;
  readonly version: string;
  readonly latencyMs: number | null;
  readonly upstreamMs: number | null;
  /** Why the latest connection to an upstream failed; null when it worked. */
  readonly upstreamFailure: string | null;
  /** Of the inspector; null without one. */
  readonly webUrl: string | null;
  /** What an upstream refuses, and the line that mends it. */
  readonly finding: Pick<Finding, 'summary' | 'fix'> | null;
  /** Lines of a QR code that is shown instead of the requests. */
  readonly qr: readonly string[] | null;
  /** Id of the exchange that the keys act on. */
  readonly selectedId: number | null;
  /** Lines about it that are shown instead of the requests. */
  readonly detail: readonly string[] | null;
  readonly endpoints: readonly EndpointView[];
  readonly figures: ConnectionFigures;
  /** Newest first. */
  readonly exchanges: readonly Exchange[];
  readonly exchangesTotal: number;
  readonly filter: string;
  /** The person is typing into the filter. */
  readonly isFiltering: boolean;
  readonly isPaused: boolean;
  readonly showsKeys: boolean;
  /** A short answer to a key, e.g. "copied". */
  readonly notice: string;
  /** Streams that are being finished; null unless the agent is leaving. */
  readonly leaving: number | null;
  /** It leaves in order to come back at once. */
  readonly isRestarting: boolean;
}

export interface EndpointView {
  readonly name: string;
  /** '' before the first bind. */
  readonly url: string;
  readonly forwardsTo: string;
  readonly isHttp: boolean;
  readonly isOnline: boolean;
}
