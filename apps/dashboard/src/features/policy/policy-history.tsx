'use client';

import { Button } from '../../ui/button.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useResource } from '../records/use-resource.ts';
import { readVersions } from './policy-versions.ts';

export interface PolicyHistoryProps {
  readonly endpointId: string;
  /** What edges run now. */
  readonly current: string;
  /** Puts an earlier one into the editor; nothing is published by it. */
  readonly onBringBack: (policy: string) => void;
}

/** What the policy was before, as far as the newest hundred changes of the endpoint tell. For those who may read the log. */
export function PolicyHistory({ endpointId, current, onBringBack }: PolicyHistoryProps) {
  const { mayChange } = useAccount();
  const filter = encodeURIComponent(`obj.object_id == "${endpointId}"`);
  const { value: versions } = useResource(`/audit_events?limit=100&filter=${filter}`, readVersions);
  if (versions === null || versions.length < 2) return null;
  return (
    <details className="border-t border-line px-4 py-2">
      <summary className="cursor-pointer text-ink-2">History: {versions.length} versions</summary>
      <ol className="mt-2 max-h-[240px] overflow-y-auto border-t border-line">
        {versions.map(({ id, at, by, policy }) => (
          <li key={id} data-version={id} className="flex min-h-10 items-center gap-3 border-b border-line">
            <LocalTime iso={at} className="figures shrink-0 text-meta text-ink-2" />
            <code className="min-w-0 flex-1 truncate font-mono text-meta text-ink-3">{by ?? 'a machine'}</code>
            {policy === current ? (
              <span className="text-meta text-verdigris">runs now</span>
            ) : (
              mayChange && (
                <Button tone="secondary" className="h-[26px]" onClick={() => onBringBack(policy)}>
                  Bring back
                </Button>
              )
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}
