import type { ChildProcess } from 'node:child_process';

const own = new Set<ChildProcess>();
let isRegistered = false;

/** A test that fails half-way leaves nothing running: what it started ends with the worker that runs the tests. */
export function endWithTests(child: ChildProcess): void {
  if (!isRegistered) process.once('exit', () => own.forEach((each) => void each.kill('SIGTERM')));
  isRegistered = true;
  own.add(child);
  child.once('exit', () => own.delete(child));
}
