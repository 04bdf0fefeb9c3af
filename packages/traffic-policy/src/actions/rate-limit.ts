import type { Expression } from '../expressions/expression.ts';
import { defineAction, never } from './action-definition.ts';

export interface RateLimitConfig {
  readonly name: string;
  readonly algorithm: 'sliding_window';
  /** Requests in one `rateMs`. */
  readonly capacity: number;
  readonly rateMs: number;
  /** All keys together name one bucket. */
  readonly bucketKey: readonly Expression[];
  readonly enforce: boolean;
}

export const rateLimit = defineAction({
  type: 'rate-limit',
  phases: ['on_http_request'],
  ends: never,
  read: (config): RateLimitConfig => ({
    name: config.requiredText('name', { max: 1_023 }),
    algorithm: config.choice('algorithm', ['sliding_window'], null),
    capacity: config.integer('capacity', { min: 1, max: 2_000_000_000 }),
    rateMs: config.duration('rate', { minMs: 60_000, maxMs: 86_400_000, stepMs: 10_000 }),
    bucketKey: config.expressions('bucket_key', { min: 1, max: 10 }),
    enforce: config.boolean('enforce', true),
  }),
});
