import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { handListeningSockets, readListeningSockets } from './listening-sockets.ts';

const names = ['http', 'https', 'connect'] as const;

describe('listening sockets handed to a process', () => {
  it('are none without a word of them', () => {
    expect(readListeningSockets({}, names)).toEqual(new Map());
    expect(readListeningSockets({ LISTEN_FDS: '0', LISTEN_FDNAMES: '' }, names)).toEqual(new Map());
  });

  it('are found by name, whatever their order', () => {
    const { environment, descriptors } = handListeningSockets([
      { name: 'connect', fd: 20 },
      { name: 'http', fd: 21 },
    ]);
    expect(descriptors).toEqual([20, 21]);
    expect(readListeningSockets(environment, names)).toEqual(
      new Map([
        ['connect', 3],
        ['http', 4],
      ]),
    );
  });

  it('that are for another process are left alone', () => {
    const environment = { LISTEN_FDS: '1', LISTEN_FDNAMES: 'http', LISTEN_PID: '17' };
    expect(readListeningSockets(environment, names, 18)).toEqual(new Map());
    expect(readListeningSockets(environment, names, 17)).toEqual(new Map([['http', 3]]));
  });

  it.each([['http:smtp'], ['http:http'], ['http'], ['']])(
    'named "%s" stop the start, since nobody would serve one',
    (text) => {
      expect(() => readListeningSockets({ LISTEN_FDS: '2', LISTEN_FDNAMES: text }, names)).toThrow('LISTEN_FDNAMES is');
    },
  );

  it('have in the units of systemd the names that the edge serves', () => {
    const folder = join(import.meta.dirname, '../../../infra/systemd');
    const units = readdirSync(folder).filter((file) => file.endsWith('.socket'));
    const named = units.map((file) => /^FileDescriptorName=(.*)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1]);
    expect(new Set(named)).toEqual(new Set(names));
  });
});
