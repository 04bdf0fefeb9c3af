import type { Upstream } from '../upstream.ts';

/** Where a visitor of a contestant goes. */
export interface HttpTarget {
  readonly port: number;
  readonly host: string;
  /** PEM of the authority that signed its certificate; null: plain HTTP. */
  readonly ca: string | null;
}

/** What a contestant offers; null where it has nothing of the kind. */
export interface RunningContestant {
  readonly http: HttpTarget | null;
  readonly https: HttpTarget | null;
  /** A port whose bytes end at `upstream.tcpPort`. */
  readonly tcpPort: number | null;
  /** Its processes now, those of the side that visitors reach first. */
  server(): number[];
  client(): number[];
  /** How agents reach it, and authtokens are made, for those who open many. */
  readonly agents?: {
    readonly connectUrl: string;
    readonly ca: string;
    readonly apiUrl: string;
    readonly apiKey: string;
  };
  /** From nothing to where each side serves; only where they start by themselves. */
  readonly startUp?: { readonly serverMs: number; readonly clientMs: number };
  stop(): Promise<void>;
}

export type Reach = (port: number) => Promise<number>;

export interface Contestant {
  readonly name: string;
  /** Near another in what it is: it takes part in the main cases only. */
  readonly isMinor?: boolean;
  /** It is compiled while it runs: warm after seconds of load, not at once. */
  readonly isCompiledLate?: boolean;
  /** Ids of the cases that it is for; all without it. */
  readonly cases?: readonly string[];
  /** One line for the table of contestants. */
  readonly what: string;
  /** Builds or finds it. @returns its version, or why it cannot be had */
  prepare(): Promise<{ readonly version: string } | { readonly missing: string }>;
  /**
   * @param folder an empty one, for its files and logs
   * @param reach gives the port over which its client reaches a port of its server: another one if a link lies between
   */
  start(upstream: Upstream, folder: string, reach: Reach): Promise<RunningContestant>;
}
