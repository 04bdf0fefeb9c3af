'use client';

import type { Storage } from '@portico/api-contract/operator';
import { bytes, count, plural, text } from '../../lib/format.ts';
import { Lintel, LintelCell } from '../../ui/lintel.tsx';
import { NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { Part } from './part.tsx';
import { readStorage } from './read-operator.ts';
import { usePolled } from './use-operator.ts';

/** How big the database is, what takes the room, and how long things are kept. */
export function StorageTab() {
  const polled = usePolled('/storage', readStorage);
  return <Part polled={polled}>{(storage) => <Content storage={storage} />}</Part>;
}

const columns = 'grid-cols-[minmax(0,1fr)_90px_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_110px_130px]';

function Content({ storage }: { storage: Storage }) {
  const most = Math.max(1, ...storage.tables.map((table) => table.bytes));
  const rows = storage.tables.reduce((sum, table) => sum + table.rows, 0);
  return (
    <>
      <div className="px-6 max-sm:px-4">
        <Lintel label="The database">
          <LintelCell label="Size" {...bytes(storage.bytes)} note={`Postgres ${storage.version.split(' ')[0]}`} />
          <LintelCell label="Tables" {...count(storage.tables.length)} note="of this installation" />
          <LintelCell label="Rows" {...count(rows)} note="estimated by the database" />
          <LintelCell
            label="Connections"
            {...count(storage.connections)}
            note={`of at most ${count(storage.connectionsMax).value}`}
          />
        </Lintel>
      </div>
      <TableSection label="Tables" title="What takes the room">
        <TableHead>
          <Row columns={columns}>
            <Th>Table</Th>
            <Th className="@max-[640px]:hidden">Share</Th>
            <Th isFigure>Rows</Th>
            <Th isFigure>Size</Th>
          </Row>
        </TableHead>
        <TableBody>
          {storage.tables.slice(0, 20).map((table) => (
            <Row key={table.name} columns={columns} data-table={table.name} className="min-h-10">
              <NameCell>
                <span className="block truncate font-mono text-url">{table.name}</span>
              </NameCell>
              <Td className="@max-[640px]:hidden">
                <svg viewBox="0 0 100 4" preserveAspectRatio="none" className="h-1 w-full" aria-hidden="true">
                  <rect width="100" height="4" fill="var(--hover)" />
                  <rect width={(table.bytes / most) * 100} height="4" fill="var(--c1)" />
                </svg>
              </Td>
              <Td isFigure>{text(count(table.rows))}</Td>
              <Td isFigure>{text(bytes(table.bytes))}</Td>
            </Row>
          ))}
        </TableBody>
      </TableSection>
      <section aria-labelledby="retention" className="max-w-[560px] px-6 max-sm:px-4">
        <h2 id="retention" className="pb-2 font-section">
          How long is kept what is kept for a time
        </h2>
        <Facts>
          {storage.retention.map(({ what, days }) => (
            <Fact key={what} label={plural(days, 'day', 'days')}>
              {what}
            </Fact>
          ))}
        </Facts>
        <p className="pt-2 text-meta text-ink-3">
          Each account sets for itself how long its recorded requests are kept.
        </p>
      </section>
    </>
  );
}
