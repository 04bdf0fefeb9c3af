export type PostgresFault =
  | 'unsupported-platform'
  | 'data-dir-unusable'
  | 'port-taken'
  | 'locked'
  | 'wrong-version'
  | 'not-ours'
  | 'failed';

/** Why the database does not run. The message is meant for the person at the terminal and says what to do. */
export class PostgresStartError extends Error {
  override readonly name = 'PostgresStartError';
  readonly fault: PostgresFault;

  constructor(fault: PostgresFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}
