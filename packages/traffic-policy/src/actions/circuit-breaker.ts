import { defineAction, never } from './action-definition.ts';

export interface CircuitBreakerConfig {
  /** Share of failed requests above which it opens, 0 to 1. */
  readonly errorThreshold: number;
  /** Requests in the window before the share counts. */
  readonly volumeThreshold: number;
  readonly windowMs: number;
  readonly trippedMs: number;
  readonly enforce: boolean;
}

export const circuitBreaker = defineAction({
  type: 'circuit-breaker',
  phases: ['on_http_request'],
  ends: never,
  read: (config): CircuitBreakerConfig => {
    // Fixed in the service that policies come from; accepted and not used.
    config.number('num_buckets', { min: 1, max: 1_000, fallback: 10 });
    return {
      errorThreshold: config.number('error_threshold', { min: 0, max: 1, fallback: 0.5 }),
      volumeThreshold: config.integer('volume_threshold', { min: 1, max: 2_000_000_000, fallback: 10 }),
      windowMs: config.duration('window_duration', { minMs: 1_000, maxMs: 120_000, fallbackMs: 10_000 }),
      trippedMs: config.duration('tripped_duration', { minMs: 1_000, maxMs: 120_000, fallbackMs: 10_000 }),
      enforce: config.boolean('enforce', true),
    };
  },
});
