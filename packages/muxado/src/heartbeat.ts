import type { Clock, Timer } from './clock.ts';

export interface HeartbeatOptions {
  /** Between beats. */
  readonly intervalMs: number;
  /** Without an echo for `intervalMs + toleranceMs` the peer counts as lost. */
  readonly toleranceMs: number;
}

export interface HeartbeatPorts {
  readonly clock: Clock;
  randomBeat(): Buffer;
  /** Sends the four bytes as one frame: split ones are echoed zero-padded by the Rust client. */
  send(beat: Buffer): void;
  onLatency(ms: number): void;
  onLost(): void;
  /** Whether a missing echo may yet be on its way behind bytes that the network does not take: the wait doubles. */
  isCongested(): boolean;
}

export const BEAT_BYTES = 4;

/**
 * Our half of the heartbeats (protocol notes, section 6): one random beat of four bytes at a time, echoed by the
 * peer. The first goes at once. Any echo counts, right or wrong.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #ports: HeartbeatPorts;
  #timer: Timer | null = null;
  #checking: NodeJS.Immediate | null = null;
  /** When the beat was sent that is still without echo. */
  #sentAtMs: number | null = null;
  #echoAtMs: number;
  /** Bytes of an echo that came in parts. */
  #echoFill = 0;
  #isStopped = false;

  constructor(options: HeartbeatOptions, ports: HeartbeatPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#echoAtMs = ports.clock.nowMs();
    this.#beat();
  }

  /** Bytes of the peer on our heartbeat stream. */
  receive(bytes: number): void {
    this.#echoFill += bytes;
    if (this.#echoFill < BEAT_BYTES || this.#isStopped) return;
    this.#echoFill %= BEAT_BYTES;
    const now = this.#ports.clock.nowMs();
    this.#echoAtMs = now;
    if (this.#sentAtMs === null) return;
    const latencyMs = now - this.#sentAtMs;
    const untilNextMs = Math.max(0, this.#sentAtMs + this.#options.intervalMs - now);
    this.#sentAtMs = null;
    this.#arm(untilNextMs);
    this.#ports.onLatency(latencyMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#checking !== null) clearImmediate(this.#checking);
    this.#checking = null;
  }

  /** Beats now unless one is outstanding. */
  beatNow(): void {
    if (this.#sentAtMs === null && !this.#isStopped) this.#beat();
  }

  #beat(): void {
    this.#sentAtMs = this.#ports.clock.nowMs();
    this.#ports.send(this.#ports.randomBeat());
    this.#arm(this.#deadlineMs() - this.#sentAtMs);
  }

  #deadlineMs(): number {
    return this.#echoAtMs + this.#options.intervalMs + this.#options.toleranceMs;
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(Math.max(0, ms), () => this.#onTimer());
  }

  #onTimer(): void {
    if (this.#isStopped) return;
    if (this.#sentAtMs === null) {
      this.#beat();
      return;
    }
    // After a pause of this process the timers run before the sockets are read: let it read what is waiting first.
    this.#checking = setImmediate(() => {
      this.#checking = null;
      if (this.#isStopped || this.#sentAtMs === null) return;
      const now = this.#ports.clock.nowMs();
      const { intervalMs, toleranceMs } = this.#options;
      const waitMs = (intervalMs + toleranceMs) * (this.#ports.isCongested() ? 2 : 1);
      if (now - this.#echoAtMs < waitMs) {
        this.#arm(this.#echoAtMs + waitMs - now);
        return;
      }
      this.stop();
      this.#ports.onLost();
    });
  }
}
