import type { Overview } from '@portico/api-contract/dashboard';
import { LocalTime } from '../../ui/local-time.tsx';
import { useLive } from '../live/live-provider.tsx';

/** Under old data: from when it is, and when the next try comes. */
export function AsOf({ overview }: { overview: Overview }) {
  const { contact, nowMs, isOnline } = useLive();
  const seconds =
    isOnline && contact.kind === 'lost' && nowMs !== null ? Math.ceil((contact.retryAtMs - nowMs) / 1000) : null;
  return (
    <p className="figures px-6 pb-6 text-meta text-ink-2 max-sm:px-4">
      As of <LocalTime iso={overview.at} />.
      {seconds !== null && (seconds > 0 ? ` Trying again in ${seconds} s.` : ' Trying again now.')}
    </p>
  );
}
