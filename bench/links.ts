import { join } from 'node:path';
import type { Case, CaseContext } from './cases.ts';
import type { Reach } from './contestants/contestant.ts';
import { openLoop, tcpBulk } from './load/own.ts';
import type { LoadResult } from './load/result.ts';
import { Program } from './process-group.ts';

/** A way between the two halves of a tunnel on which windows matter. */
export interface LinkKind {
  readonly id: string;
  readonly title: string;
  readonly roundTripMs: number;
  readonly bitsPerSecond: number;
}

export const linkKinds: readonly LinkKind[] = [
  { id: 'link20', title: '20 ms and 1 Gbit/s', roundTripMs: 20, bitsPerSecond: 1e9 },
  { id: 'link100', title: '100 ms and 100 Mbit/s', roundTripMs: 100, bitsPerSecond: 100e6 },
];

/** Puts such a link, in a process of its own, before each port that a contestant's client dials. */
export function throughLinks(kind: LinkKind, folder: string, started: Program[]): Reach {
  return async (port) => {
    const link = new Program({
      name: 'the link',
      command: process.execPath,
      args: [join(import.meta.dirname, 'link-process.ts'), port, kind.roundTripMs / 2, kind.bitsPerSecond].map(String),
      logFile: join(folder, `link-${started.length}.log`),
    });
    started.push(link);
    const linkPort = (): number => Number(/^port (\d+)$/m.exec(link.output)?.[1] ?? 0);
    await link.whenUp(() => linkPort() !== 0);
    return linkPort();
  };
}

export function linkCases(kind: LinkKind): Case[] {
  const bytes = ({ quick }: CaseContext): number => Math.round((kind.bitsPerSecond / 8) * (quick ? 1 : 3));
  const bulk = (direction: 'down' | 'up'): Case => ({
    id: `${kind.id}-${direction}`,
    title: `One TCP stream ${direction} over ${kind.title}`,
    unit: 'MiB',
    quick: false,
    isForAll: true,
    load: ({ tcpPort }, context) =>
      tcpPort === null
        ? null
        : async () => {
            const result = await tcpBulk(tcpPort, { direction, bytes: bytes(context) });
            const share = (result.units * 1_048_576 * 8) / result.seconds / kind.bitsPerSecond;
            return { ...result, note: `${share.toFixed(2)} of the rate` };
          },
  });
  return [
    bulk('down'),
    bulk('up'),
    {
      id: `${kind.id}-idle`,
      title: `20 small requests a second over ${kind.title}, nothing beside them`,
      unit: 'request',
      quick: false,
      isForAll: true,
      load: ({ http }, { seconds }) =>
        http === null ? null : () => openLoop(http, { perSecond: 20, seconds, path: '/1k' }),
    },
    {
      id: `${kind.id}-beside`,
      title: `20 small requests a second over ${kind.title}, beside one TCP stream`,
      unit: 'request',
      quick: false,
      isForAll: true,
      load: ({ http, tcpPort }, context) =>
        http === null || tcpPort === null
          ? null
          : async (): Promise<LoadResult> => {
              const stream = tcpBulk(tcpPort, { direction: 'down', bytes: bytes(context) });
              const small = await openLoop(http, { perSecond: 20, seconds: context.seconds, path: '/1k' });
              const { faults } = await stream;
              return { ...small, faults: [...small.faults, ...faults] };
            },
    },
  ];
}
