import { Kbd } from '../../ui/kbd.tsx';
import { type HopState, PathGlyph } from '../../ui/path-glyph.tsx';

const meanings: readonly { readonly text: string; readonly upstream: HopState }[] = [
  { text: 'edge, agent, upstream answer', upstream: 'works' },
  { text: 'that hop fails', upstream: 'fails' },
  { text: 'nothing sent there yet', upstream: 'none' },
];

/** What the glyphs mean and which keys there are, at the foot of the page. */
export function Legend() {
  return (
    <footer className="flex h-8 shrink-0 items-center gap-6 overflow-hidden border-t border-line px-6 text-meta whitespace-nowrap text-ink-2 max-sm:hidden">
      {meanings.map(({ text, upstream }) => (
        <span key={text} className="inline-flex items-center gap-2">
          <PathGlyph
            hops={[
              { name: 'edge', state: 'works' },
              { name: 'agent', state: 'works' },
              { name: 'upstream', state: upstream },
            ]}
            label={null}
          />
          {text}
        </span>
      ))}
      <span className="ml-auto inline-flex items-center gap-4 max-md:hidden">
        <span className="inline-flex items-center gap-1.5">
          <Kbd>J</Kbd>
          <Kbd>K</Kbd> move
        </span>
        <span className="inline-flex items-center gap-1.5">
          <Kbd>C</Kbd> copy URL
        </span>
      </span>
    </footer>
  );
}
