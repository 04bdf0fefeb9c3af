import { setFlagsFromString } from 'node:v8';

/**
 * Call once, before traffic. Bodies live in buffers outside the JavaScript heap. V8 would collect all of the heap for
 * every few dozen megabytes of them, whatever the heap's size: under downloads that was nearly half of the edge's CPU
 * time (docs/performance.md). With this it counts them into the limit that grows with the heap; the price is some
 * 100 MB more memory while bodies pass at full speed.
 */
export function tuneHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
