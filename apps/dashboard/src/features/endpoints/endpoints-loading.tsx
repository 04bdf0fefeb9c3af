import { PathGlyph } from '../../ui/path-glyph.tsx';
import { PageHead } from '../shell/page-head.tsx';

const hops = [
  { name: 'edge', state: 'none' },
  { name: 'agent', state: 'none' },
  { name: 'upstream', state: 'none' },
] as const;

const widths = ['w-72', 'w-56', 'w-80', 'w-60', 'w-64'] as const;

/** The page before its first rows: nothing for 150 ms, then rows of the final height. */
export function EndpointsLoading() {
  return (
    <>
      <PageHead title="Endpoints" />
      <main id="content" className="min-h-0 flex-1 overflow-hidden">
        <EndpointRows />
      </main>
    </>
  );
}

export function EndpointRows() {
  return (
    <div className="show-late" aria-busy="true">
      <div className="mx-6 mt-5 h-[86px] border-t-2 border-line max-sm:mx-4" />
      <div className="mt-8 border-t border-line">
        <div className="h-8 border-b border-line" />
        {widths.map((width) => (
          <div
            key={width}
            className="flex h-[52px] items-center gap-3 border-b border-line px-6 max-sm:h-[72px] max-sm:px-4"
          >
            <PathGlyph hops={hops} label="Not known yet" className="lights" />
            <div className={`${width} h-2 max-w-[50%] rounded-bar bg-hover`} />
            <div className="ml-auto h-2 w-28 rounded-bar bg-hover" />
          </div>
        ))}
      </div>
      <p role="status" className="show-later pt-4 text-center text-meta text-ink-3">
        Asking the API…
      </p>
    </div>
  );
}
