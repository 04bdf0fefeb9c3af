import { type RefObject, useEffect } from 'react';

/** `J` and `K` move between rows, `C` copies the address of the row in focus. Single keys work outside of fields only. */
export function useRowKeys(body: RefObject<HTMLTableSectionElement | null>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !body.current) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (target?.closest('input, textarea, select, [contenteditable], dialog[open], [popover]:popover-open')) return;
      const rows = [...body.current.querySelectorAll<HTMLElement>('[data-endpoint]')];
      const at = rows.findIndex((row) => row.contains(document.activeElement));
      const key = event.key.toLowerCase();
      if (key === 'j' || key === 'k') {
        const next = at === -1 ? 0 : at + (key === 'j' ? 1 : -1);
        rows[Math.min(Math.max(next, 0), rows.length - 1)]?.focus();
        event.preventDefault();
      } else if (key === 'c' && at !== -1) {
        rows[at]?.querySelector<HTMLElement>('[data-copy]')?.click();
        event.preventDefault();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [body]);
}
