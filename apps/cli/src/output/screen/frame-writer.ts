/** What a frame is written to; a TTY, or a recorder in tests. */
export interface FrameOutput {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

const enter = '\u001b[?1049h\u001b[?25l\u001b[2J';
const leave = '\u001b[?25h\u001b[?1049l';
// Terminals that know it show the frame as a whole; others ignore it.
const beginFrame = '\u001b[?2026h';
const endFrame = '\u001b[?2026l';

/** Draws frames on the second screen of a terminal: only lines that changed are written. */
export class FrameWriter {
  readonly #output: FrameOutput;
  #shown: string[] = [];
  #isOpen = false;

  constructor(output: FrameOutput) {
    this.#output = output;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#shown = [];
    this.#output.write(enter);
  }

  /** After the terminal was resized or written to by others. */
  forget(): void {
    this.#shown = [];
    if (this.#isOpen) this.#output.write('\u001b[2J');
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const changes: string[] = [];
    for (let row = 0; row < Math.max(lines.length, this.#shown.length); row += 1) {
      const line = lines[row] ?? '';
      if (line === this.#shown[row]) continue;
      changes.push(`\u001b[${row + 1};1H${line}\u001b[K`);
    }
    this.#shown = [...lines];
    if (changes.length > 0) this.#output.write(`${beginFrame}${changes.join('')}${endFrame}`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(leave);
  }
}
