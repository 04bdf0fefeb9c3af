/** What running policies may take of the edge. */
export interface PolicyRunLimits {
  /** One phase of one request, all its actions together. On excess: 500 (2249). */
  readonly phaseMs: number;
  /** Endpoints that may forward one request or connection, one after another. On excess: 502 (3501). */
  readonly hopsMax: number;
  /** A body that an action wants as a whole, and the decoded one. On excess: 413, or 502 for that of an answer (3903). */
  readonly bodyBytesMax: number;
  /** Answers that are compressed at once. On excess: they go out as they are. */
  readonly compressorsMax: number;
}

export const policyRunLimits: PolicyRunLimits = {
  phaseMs: 60_000,
  hopsMax: 10,
  bodyBytesMax: 1_048_576,
  compressorsMax: 256,
};
