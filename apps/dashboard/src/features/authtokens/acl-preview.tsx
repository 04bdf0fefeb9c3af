'use client';

import { isAllowed } from '@portico/api-contract/acl';
import { plural } from '../../lib/format.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useLive } from '../live/live-provider.tsx';

/** Which of the endpoints that are online now an authtoken with these rules could have opened. */
export function AclPreview({ rules }: { rules: readonly string[] }) {
  const { overview } = useLive();
  if (rules.length === 0)
    return <p className="rounded-button bg-ochre-soft px-3 py-2 text-ochre">It may open any name of this account.</p>;
  const endpoints = overview?.value.endpoints ?? [];
  if (endpoints.length === 0) return null;
  const matching = endpoints.filter(({ url, proto }) => {
    const { hostname, port } = new URL(url.replace(/^(tcp|tls):/, 'https:'));
    return isAllowed(
      rules,
      proto === 'tcp' ? { kind: 'port', host: hostname, port: Number(port) } : { kind: 'host', host: hostname },
    );
  });
  return (
    <div className="rounded-button border border-line bg-sunken px-3 py-2">
      <p className="text-meta text-ink-2">
        Of {plural(endpoints.length, 'endpoint', 'endpoints')} online now it could open {matching.length}.
      </p>
      <ul className="mt-1 max-h-32 overflow-y-auto font-mono text-meta">
        {matching.slice(0, 20).map(({ id, url }) => (
          <li key={id} className="truncate">
            <UntrustedText text={url} />
          </li>
        ))}
      </ul>
    </div>
  );
}
