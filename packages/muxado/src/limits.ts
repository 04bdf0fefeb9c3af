/**
 * What one peer may cost us (protocol notes, section 14; reliability L19, L22, L23). Each rate is a budget:
 * so many a second, and a burst that a quiet peer has saved up. Passing a budget ends the session with
 * GOAWAY 10 unless something else is said.
 */
export interface MuxLimits {
  /** Live streams that we opened, heartbeats apart; `open` throws above it. The Rust client dies at 512. */
  readonly localStreams: number;
  /** Live streams that the peer opened, heartbeats apart; the next one is refused with RST 5. */
  readonly peerStreams: number;
  /** Bytes received and not yet acked plus bytes queued to send; above it the stream stalled longest is reset with code 10. */
  readonly sessionBufferedBytes: number;
  /** Windows overrun by the peer: each costs the stream (RST 3), this many cost the session. */
  readonly windowViolations: number;
  /** Until a stream has sent its type. */
  readonly streamTypeMs: number;
  /** Until the request of Auth is complete (server only). */
  readonly authMs: number;
  /** Streams, and bytes of any kind, before `setAuthenticated` (server only). */
  readonly preAuthStreams: number;
  readonly preAuthBytes: number;
  /** New streams of the peer. */
  readonly opens: Rate;
  /** RST for streams that the peer itself opened: open-and-reset costs us more than it costs the peer. */
  readonly peerResets: Rate;
  /**
   * Frames for streams that we do not know, answered with RST 4 or ignored. Each frame we send earns 1: the Go
   * client answers every DATA frame for a stream that it has closed.
   */
  readonly unknownStreams: Rate;
  /** DATA without a byte and without SYN or FIN. */
  readonly emptyData: Rate;
  /** DATA of at most 8 bytes. Each frame we send earns 4: the last chunk of an HTTP answer often comes alone. */
  readonly tinyData: Rate;
  /** WNDINC beyond what our own sending explains (clients credit every read, however small): each frame we send earns 4 and every second byte 1. */
  readonly windowIncrements: Rate;
  /** Frames of unknown type. */
  readonly unknownFrames: Rate;
  /** Beats on the peer's heartbeat stream. */
  readonly beats: Rate;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What an edge allows an agent. */
export const serverLimits: MuxLimits = {
  localStreams: 480,
  peerStreams: 64,
  sessionBufferedBytes: 64 * 1024 * 1024,
  windowViolations: 3,
  streamTypeMs: 10_000,
  authMs: 10_000,
  preAuthStreams: 4,
  preAuthBytes: 65_536,
  opens: { perSecond: 200, burst: 1_000 },
  peerResets: { perSecond: 20, burst: 100 },
  unknownStreams: { perSecond: 500, burst: 1_000 },
  emptyData: { perSecond: 100, burst: 200 },
  tinyData: { perSecond: 10_000, burst: 20_000 },
  windowIncrements: { perSecond: 1_000, burst: 2_000 },
  unknownFrames: { perSecond: 50, burst: 100 },
  beats: { perSecond: 2, burst: 10 },
};

/** What an agent allows its edge: every visitor is a stream, so the rates are those of visitors. */
export const clientLimits: MuxLimits = {
  ...serverLimits,
  localStreams: 64,
  peerStreams: 1_000,
  opens: { perSecond: 20_000, burst: 40_000 },
  peerResets: { perSecond: 20_000, burst: 40_000 },
  unknownStreams: { perSecond: 20_000, burst: 40_000 },
};

/** What a peer can save up at most: a fraction of a second of work. */
const EARNED_MAX = 200_000;

/** A token bucket: `take` is false when the budget is spent. */
export class Budget {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#perMs = rate.perSecond / 1_000;
    this.#burst = rate.burst;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  take(nowMs: number): boolean {
    if (this.#tokens < 1) {
      this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs);
      this.#atMs = nowMs;
      if (this.#tokens < 1) return false;
    } else if (this.#tokens >= this.#burst) {
      // Full: time before this moment earns nothing.
      this.#atMs = nowMs;
    }
    this.#tokens -= 1;
    return true;
  }

  /** Tokens beyond the rate, for what our own traffic provokes. They may pass the burst. */
  earn(tokens: number): void {
    this.#tokens = Math.min(Math.max(this.#burst, EARNED_MAX), this.#tokens + tokens);
  }
}
