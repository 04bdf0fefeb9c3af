import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 collect the buffers that bytes passed in while they are young. They live for milliseconds, but hang on so few
 * objects that a young collection hardly ever comes by itself. V8 counts them against the limit of its old generation,
 * which lies 16 MiB above a small heap: every few megabytes of traffic it marks the whole heap to find out that they
 * are gone, for a third of the CPU of a bulk transfer. So: a young collection (a fiftieth of that) after 8 MiB of new
 * buffers, not 64; and marking begins at 80 % of the way to the limit, not one young generation before it, where a
 * grown young generation leaves no way at all.
 *
 * For the whole process: programs call it once at their start, libraries never.
 */
export function collectBuffersYoung(): void {
  // Node 24's; another V8 would complain about flags that it does not know, and may need none.
  if (!process.versions.v8.startsWith('13.')) return;
  setFlagsFromString('--scavenger-max-new-space-capacity-mb=2');
  setFlagsFromString('--incremental-marking-soft-trigger=80');
  setFlagsFromString('--incremental-marking-hard-trigger=80');
}
