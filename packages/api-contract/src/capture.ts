import { z } from 'zod';

/**
 * What edges tell of single exchanges, for accounts that asked for it: bounded, dropped rather than waited for.
 * Fields are flat, name and value in turn, latin1, as they came.
 */
const fields = z.array(z.string().max(65_536)).max(1_000);
const ms = z.number().min(0);
const id = z.string().min(1).max(64);

/** One side of an exchange: its fields, and the first bytes of its body. */
export const capturedSide = z.object({
  fields,
  trailers: fields,
  /** The beginning of the body, as it travelled (with its content encoding). */
  body: z.base64().max(262_144),
  /** There was more. */
  truncated: z.boolean(),
});
export type CapturedSide = z.infer<typeof capturedSide>;

/**
 * How it ended: all was sent · the answer broke off · the visitor left before the end · the connection was another
 * protocol's, and is over. `open`: it has not ended, and the same exchange is told again when it has.
 */
export const exchangeEnd = z.enum(['complete', 'cut', 'gone', 'upgraded', 'open']);
export type ExchangeEnd = z.infer<typeof exchangeEnd>;

/** From the request's head on, in milliseconds; null where it did not get so far. */
export const exchangeTiming = z.object({
  /** Until the policy let it pass (or answered). */
  policyMs: ms.nullable(),
  /** Round trip to the agent, as last measured. */
  tunnelMs: ms.nullable(),
  /** Between its start towards the agent and the head of the answer. */
  waitMs: ms.nullable(),
  totalMs: ms,
});
export type ExchangeTiming = z.infer<typeof exchangeTiming>;

/** One phase of a policy, rule by rule. Texts have no values of secrets in them. */
export const tracedPhase = z.object({
  /** Of the endpoint whose policy it is: one that was forwarded has those of several. */
  url: z.string().max(1_024),
  phase: z.string().max(64),
  rules: z
    .array(
      z.object({
        name: z.string().max(1_024).nullable(),
        index: z.int().min(0),
        verdict: z.enum(['fired', 'skipped', 'failed', 'not-reached']),
        /** Those that were asked, in their order. */
        expressions: z
          .array(
            z.object({
              source: z.string().max(1_024),
              value: z.boolean().nullable(),
              error: z.string().max(1_024).nullable(),
            }),
          )
          .max(1_000),
        actions: z
          .array(
            z.object({
              type: z.string().max(64),
              /** What it came to; empty when it was not reached. */
              effect: z.string().max(1_024),
              milliseconds: ms,
              /** The phase ended with it. */
              ended: z.boolean(),
            }),
          )
          .max(100),
      }),
    )
    .max(100),
  /** There was no room for all of it. */
  cut: z.boolean(),
});
export type TracedPhase = z.infer<typeof tracedPhase>;

/** What the policy did: how its phases ended, what its rules did, and what it logged. */
export const exchangePolicy = z.object({
  request: z.string().max(32).nullable(),
  response: z.string().max(32).nullable(),
  /** JSON. */
  logs: z.array(z.unknown()).max(20),
  /** As they ran; absent from what was kept by earlier versions. */
  phases: z.array(tracedPhase).max(20).default([]),
});
export type ExchangePolicy = z.infer<typeof exchangePolicy>;

export const capturedExchange = z.object({
  /** `req_…`: the id that error pages show. */
  id,
  accountId: id,
  endpointId: id,
  url: z.string().max(1_024),
  at: z.iso.datetime(),
  clientIp: z.string().max(64),
  httpVersion: z.enum(['1.0', '1.1', '2']),
  method: z.string().max(64),
  host: z.string().max(1_024),
  target: z.string().max(16_384),
  /** Null: it got no answer. */
  status: z.int().nullable(),
  /** Of the catalogue, when the edge itself answered. */
  errorCode: z.int().nullable(),
  end: exchangeEnd,
  /** It was told before, while it was open. */
  wasOpen: z.boolean().optional(),
  timing: exchangeTiming,
  requestBytes: z.int().min(0),
  responseBytes: z.int().min(0),
  agent: z.string().max(256).nullable(),
  region: z.string().max(64),
  policy: exchangePolicy.nullable(),
  /** The exchange that it repeats. */
  replayOf: id.nullable(),
  /** Null unless the account keeps contents too. */
  request: capturedSide.nullable(),
  response: capturedSide.nullable(),
});
export type CapturedExchange = z.infer<typeof capturedExchange>;

/** One message of a WebSocket, or one event of a stream of events, put together from its frames. */
export const capturedMessage = z.object({
  /** Counts up from 1 within the exchange; one that is missing was not kept. */
  number: z.int().min(1),
  at: z.iso.datetime(),
  from: z.enum(['visitor', 'upstream']),
  kind: z.enum(['text', 'binary', 'close', 'ping', 'pong', 'event']),
  /** As it travelled: compressed, if it was. */
  bytes: z.int().min(0),
  /** The beginning of it, without its compression if that could be undone. */
  payload: z.base64().max(16_384),
  /** There was more. */
  truncated: z.boolean(),
  /** The payload is as it travelled. */
  compressed: z.boolean(),
});
export type CapturedMessage = z.infer<typeof capturedMessage>;

/** Messages of one exchange that was told before. */
export const capturedMessages = z.object({
  exchangeId: id,
  accountId: id,
  messages: z.array(capturedMessage).min(1).max(500),
});
export type CapturedMessages = z.infer<typeof capturedMessages>;

export const exchangesRequest = z.object({
  nodeId: id,
  epoch: id,
  /** Counted apart from the other reports. */
  seq: z.int().min(0),
  exchanges: z.array(capturedExchange).max(500),
  /** Absent from edges that tell of none. */
  messages: z.array(capturedMessages).max(1_000).default([]),
  /** Since the last report: what had no room. */
  dropped: z.int().min(0),
});
export type ExchangesRequest = z.infer<typeof exchangesRequest>;
/** As edges send it. */
export type ExchangesReport = z.input<typeof exchangesRequest>;

/** What an account lets edges keep of its traffic. */
export const captureRule = z.object({
  /** `metadata`: the line of the request and the figures; `full`: fields and the beginning of bodies too. */
  mode: z.enum(['metadata', 'full']),
  bodyBytes: z.int().min(0).max(65_536),
});
export type CaptureRule = z.infer<typeof captureRule>;

/** Purpose and field by which a repeated request says what it repeats; signed with the keys that API and edges share. */
export const replayPurpose = 'replay';
export const replayField = 'portico-replay';
export const replayClaim = z.object({ id, of: id, host: z.string(), until: z.number() });
export type ReplayClaim = z.infer<typeof replayClaim>;
