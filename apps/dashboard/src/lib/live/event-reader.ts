/**
 * Reads the `data` of server-sent events out of text that comes in any pieces (HTML standard, section 9.2.6). Other fields
 * and comments are skipped. Throws `RangeError` when one event grows beyond `sizeMax` characters.
 */
export class EventReader {
  readonly #onData: (data: string) => void;
  readonly #sizeMax: number;
  #rest = '';
  #data: string[] = [];
  #dataSize = 0;
  #afterReturn = false;

  constructor(onData: (data: string) => void, sizeMax = 8 * 1024 * 1024) {
    this.#onData = onData;
    this.#sizeMax = sizeMax;
  }

  push(text: string): void {
    // A line feed that follows a carriage return over the border of two pieces ends no second line.
    let fresh = text;
    if (this.#afterReturn && fresh.startsWith('\n')) fresh = fresh.slice(1);
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    const lines = fresh.split(/\r\n|\r|\n/);
    lines[0] = this.#rest + (lines[0] ?? '');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > this.#sizeMax) throw new RangeError('an event is too big');
    for (const line of lines) this.#readLine(line);
  }

  #readLine(line: string): void {
    if (line === '') {
      const data = this.#data;
      this.#data = [];
      this.#dataSize = 0;
      if (data.length > 0) this.#onData(data.join('\n'));
      return;
    }
    if (line !== 'data' && !line.startsWith('data:')) return;
    const value = line.slice(5);
    this.#data.push(value.startsWith(' ') ? value.slice(1) : value);
    this.#dataSize += value.length + 1;
    if (this.#dataSize > this.#sizeMax) throw new RangeError('an event is too big');
  }
}
