/** `node link-process.ts TO_PORT DELAY_MS BITS_PER_SECOND`: a link in a process of its own; prints its port. */
import { startLink } from './link-emulator.ts';

const [to = 0, delayMs = 0, bitsPerSecond = 0] = process.argv.slice(2).map(Number);
const link = await startLink({ to, delayMs, bitsPerSecond: bitsPerSecond === 0 ? null : bitsPerSecond });
process.stdout.write(`port ${link.port}\n`);
process.on('SIGTERM', () => process.exit(0));
