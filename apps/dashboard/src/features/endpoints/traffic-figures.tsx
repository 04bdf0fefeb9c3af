import type { Overview } from '@portico/api-contract/dashboard';
import { bytes, count, perSecond, plural, text } from '../../lib/format.ts';
import { Lintel, LintelCell } from '../../ui/lintel.tsx';
import { useLive } from '../live/live-provider.tsx';
import { countsRequests } from '../live/traffic-history.ts';

/** The account's day in five figures. */
export function TrafficFigures({ overview }: { overview: Overview }) {
  const { history, seenAtMs } = useLive();
  const { today } = overview;
  const rates = overview.endpoints
    .filter(countsRequests)
    .flatMap((endpoint) => (seenAtMs === null ? [] : [history.rate(endpoint.id, seenAtMs)]))
    .filter((rate) => rate !== null);
  const rate = rates.length > 0 ? rates.reduce((sum, one) => sum + one, 0) : null;
  const requests = count(today.requests);
  const connections = count(today.connections);
  const data = bytes(today.bytesIn + today.bytesOut);
  const errorPercent = today.requests > 0 ? (today.errors / today.requests) * 100 : null;
  const silent = overview.edges.filter((edge) => !edge.online).length;
  return (
    <div className="px-6 pt-5 max-sm:px-4">
      <Lintel label="Traffic of this account since 00:00 UTC">
        <LintelCell
          label="Requests today"
          value={requests.value}
          unit={requests.unit}
          note={rate === null ? 'since 00:00 UTC' : `${perSecond(rate)} /s now`}
        />
        <LintelCell
          label="Errors today"
          value={errorPercent === null ? '–' : percent(errorPercent)}
          unit={errorPercent === null ? '' : '%'}
          note={
            errorPercent === null
              ? 'no requests yet'
              : today.errors === 0
                ? 'none'
                : plural(today.errors, 'request', 'requests')
          }
          tone={errorPercent !== null && errorPercent >= 1 ? 'fails' : 'plain'}
        />
        <LintelCell
          label="Connections today"
          value={connections.value}
          unit={connections.unit}
          note="since 00:00 UTC"
        />
        <LintelCell
          label="Data today"
          value={data.value}
          unit={data.unit}
          note={`${text(bytes(today.bytesIn))} in, ${text(bytes(today.bytesOut))} out`}
        />
        <LintelCell
          label="Agents"
          value={count(overview.sessionCount).value}
          unit="online"
          note={
            silent > 0
              ? `${plural(silent, 'edge', 'edges')} did not answer`
              : `on ${plural(overview.edges.length, 'edge', 'edges')}`
          }
          tone={silent > 0 ? 'fails' : 'plain'}
        />
      </Lintel>
    </div>
  );
}

function percent(value: number): string {
  if (value === 0) return '0';
  if (value < 0.01) return '< 0.01';
  return value < 10 ? value.toFixed(2).replace(/\.?0+$/, '') : value.toFixed(0);
}
