import { ConfigError, type Environment, readInteger, readOptional } from './environment.ts';

/** Descriptors begin here, after standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

/**
 * Listening sockets that were handed to this process by whoever started it, descriptor by name: the protocol of
 * sd_listen_fds(3), which systemd speaks for its socket units. Who holds such a socket keeps its port open while the
 * process that serves it is started again: connections wait and are not refused.
 *
 * @throws ConfigError when a socket has no name, or one that this process does not serve.
 */
export function readListeningSockets<Name extends string>(
  env: Environment,
  names: readonly Name[],
  pid: number = process.pid,
): ReadonlyMap<Name, number> {
  const sockets = new Map<Name, number>();
  const count = readInteger(env, 'LISTEN_FDS', 0, { min: 0, max: 64 });
  // They were meant for a process that started this one.
  if (readOptional(env, 'LISTEN_PID') !== null && env.LISTEN_PID !== String(pid)) return sockets;
  const given = (readOptional(env, 'LISTEN_FDNAMES') ?? '').split(':');
  for (let index = 0; index < count; index += 1) {
    const name = names.find((each) => each === given[index]);
    if (name === undefined || sockets.has(name)) {
      throw new ConfigError('LISTEN_FDNAMES', given.join(':'), `one of ${names.join(', ')} for each socket`);
    }
    sockets.set(name, FIRST_DESCRIPTOR + index);
  }
  return sockets;
}

/** What a process has to be given for `sockets`: in its environment, and from descriptor 3 on. */
export function handListeningSockets(sockets: readonly { readonly name: string; readonly fd: number }[]): {
  readonly environment: NodeJS.ProcessEnv;
  readonly descriptors: readonly number[];
} {
  return {
    environment: {
      LISTEN_FDS: String(sockets.length),
      LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':'),
      // It has no id yet.
      LISTEN_PID: undefined,
    },
    descriptors: sockets.map(({ fd }) => fd),
  };
}
