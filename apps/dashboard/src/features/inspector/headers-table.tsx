import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { ExchangeSide } from './exchange.ts';

/** Headers as they travelled; hidden values say so. */
export function HeadersTable({
  side,
  hidden,
  label,
}: {
  side: ExchangeSide;
  hidden: readonly string[];
  label: string;
}) {
  const rows = [...side.headers, ...side.trailers];
  return (
    <table aria-label={label} className="w-full table-fixed border-t border-line font-mono text-url">
      <tbody>
        {rows.map(([name, value], at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and the list never changes
          <tr key={`${at}:${name}`} className="border-b border-line align-top">
            <th scope="row" className="w-[38%] py-1 pr-3 text-left font-regular text-ink-3 wrap-anywhere">
              <UntrustedText text={name} />
              {at >= side.headers.length && <span className="text-label"> trailer</span>}
            </th>
            <td className="py-1 wrap-anywhere">
              {hidden.includes(name.toLowerCase()) ? (
                <span className="font-sans text-ink-3">hidden by settings</span>
              ) : (
                <UntrustedText text={value} />
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
