/** What is known of a connection without looking into it; a `net.Socket`. */
export interface Expendable {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  resetAndDestroy(): unknown;
}

/**
 * Gives memory back when it is nearly gone (L25, above 90 %), before the kernel takes the whole process: ends the
 * visitors' connections on which nothing moved since the last look, be they idle or stalled with full buffers; where
 * all move, the one that moves most. Agents are not among them: each carries many visitors.
 */
export class MemoryRelief {
  /** Bytes that each had moved at the last look. */
  #seen = new Map<Expendable, number>();
  #dropped = 0;

  /** Connections that were ended for want of memory. */
  get dropped(): number {
    return this.#dropped;
  }

  /** To be called once a second while memory is short. The first look only looks. */
  relieve(connections: Iterable<Expendable>): void {
    const seen = new Map<Expendable, number>();
    const still: Expendable[] = [];
    let busiest: Expendable | null = null;
    let mostMoved = 0;
    for (const connection of connections) {
      const bytes = connection.bytesRead + connection.bytesWritten;
      seen.set(connection, bytes);
      const before = this.#seen.get(connection);
      if (before === undefined) continue;
      if (bytes === before) still.push(connection);
      else if (bytes - before > mostMoved) {
        mostMoved = bytes - before;
        busiest = connection;
      }
    }
    this.#seen = seen;
    const victims = still.length > 0 || busiest === null ? still : [busiest];
    for (const victim of victims) {
      this.#dropped += 1;
      seen.delete(victim);
      victim.resetAndDestroy();
    }
  }
}
