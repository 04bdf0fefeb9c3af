'use client';

import { Search } from 'lucide-react';
import dynamic from 'next/dynamic';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { Kbd } from '../../ui/kbd.tsx';

const load = () => import('./palette.tsx');
/** Not a part of any page's first script: it comes when somebody is about to use it. */
const Palette = dynamic(load, { ssr: false });

const OpenContext = createContext<() => void>(() => {});

/** Opens the palette by Ctrl+K or ⌘K from wherever one is, fields included. */
export function PaletteHost({ children }: { children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey)
        return;
      event.preventDefault();
      setOpen((was) => !was);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  const open = useMemo(() => () => setOpen(true), []);
  return (
    <OpenContext value={open}>
      {children}
      {isOpen && <Palette onClose={() => setOpen(false)} />}
    </OpenContext>
  );
}

/** The field in the sidebar that opens it; an icon where the sidebar is narrow. */
export function PaletteButton() {
  const open = useContext(OpenContext);
  return (
    <div className="px-2 pb-3 max-md:pb-1.5 max-sm:hidden">
      <button
        type="button"
        onClick={open}
        onPointerEnter={() => void load()}
        onFocus={() => void load()}
        title="Find or do"
        aria-keyshortcuts="Control+K Meta+K"
        className="flex h-[30px] w-full items-center gap-2 rounded-button border border-line-strong bg-raised px-2 text-ink-2 hover:bg-hover hover:text-ink max-md:h-9 max-md:justify-center max-md:border-transparent max-md:bg-transparent max-md:px-0"
      >
        <Search strokeWidth={1.75} aria-hidden className="size-[15px] shrink-0 max-md:size-[17px]" />
        <span className="max-md:sr-only">Find or do</span>
        <span aria-hidden className="ml-auto max-md:hidden">
          <Kbd>Ctrl K</Kbd>
        </span>
      </button>
    </div>
  );
}

/** The same in the bar at the bottom of small screens. */
export function PaletteBarItem({ className }: { className: string }) {
  const open = useContext(OpenContext);
  return (
    <button type="button" onClick={open} className={className}>
      <Search size={20} strokeWidth={1.75} aria-hidden />
      Find
    </button>
  );
}
