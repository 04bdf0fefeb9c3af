/**
 * A map whose keys can be walked in order from any prefix. Keys lie in sorted blocks of bounded size, so an insertion
 * moves a few hundred references at most, however many keys there are.
 */
export class OrderedMap<V> {
  readonly #values = new Map<string, V>();
  /** Never an empty block. */
  readonly #blocks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) {
      this.#insert(key);
    }
    this.#values.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) {
      return false;
    }
    const index = this.#blockOf(key);
    const block = this.#blocks[index] ?? [];
    block.splice(lowerBound(block, key), 1);
    if (block.length === 0) {
      this.#blocks.splice(index, 1);
    }
    return true;
  }

  /** The values under the keys that begin with `prefix`, in the order of the keys. Do not write while walking. */
  *withPrefix(prefix: string): Generator<V> {
    const start = this.#blockOf(prefix);
    for (let index = start; index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index] ?? [];
      for (let at = index === start ? lowerBound(block, prefix) : 0; at < block.length; at += 1) {
        const key = block[at] ?? '';
        if (!key.startsWith(prefix)) {
          return;
        }
        const value = this.#values.get(key);
        if (value !== undefined) {
          yield value;
        }
      }
    }
  }

  #insert(key: string): void {
    const index = this.#blockOf(key);
    const block = this.#blocks[index];
    if (block === undefined) {
      this.#blocks.push([key]);
      return;
    }
    block.splice(lowerBound(block, key), 0, key);
    if (block.length > BLOCK_KEYS) {
      this.#blocks.splice(index + 1, 0, block.splice(BLOCK_KEYS / 2));
    }
  }

  /** The block in which the key is or would be: the last that begins at or before it, else the first. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.[0] ?? '') <= key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return Math.max(0, low - 1);
  }
}

const BLOCK_KEYS = 512;

function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((block[middle] ?? '') < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
