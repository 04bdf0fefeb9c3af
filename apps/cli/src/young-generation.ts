import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation as small as it starts (1 MiB twice). It would double whenever much of it survives, which
 * is what happens when connections come back after a cut, up to 16 MiB twice, and an agent that carries a request a
 * second does not allocate enough to have it shrunk again. Bulk transfers cost the same CPU either way: what they
 * allocate are buffers, which live elsewhere.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
