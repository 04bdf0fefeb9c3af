'use client';

import { join } from '../../ui/join.ts';
import { useIsStale } from './contact-strip.tsx';
import { useLive } from './live-provider.tsx';

/** A still dot and a word: whether what stands here moves. */
export function LiveMark() {
  const { contact } = useLive();
  const isStale = useIsStale();
  const state = isStale ? 'old' : contact.kind === 'live' || contact.kind === 'resting' ? 'live' : 'connecting';
  const words = { live: 'Live', old: 'Not live', connecting: 'Connecting' } as const;
  return (
    <span className="inline-flex items-center gap-1.5 text-meta text-ink-2" data-live={state}>
      <span
        aria-hidden
        className={join(
          'size-2 rounded-full',
          state === 'live' ? 'bg-s2' : state === 'old' ? 'bg-s4' : 'border border-control',
        )}
      />
      {words[state]}
    </span>
  );
}
