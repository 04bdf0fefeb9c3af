'use client';

import { useSyncExternalStore } from 'react';

const never = () => () => {};

/** False while the server draws and until the page is taken over by its script. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

/**
 * A time of day, 24 hours, in the reader's zone, with UTC on hover; days before today show their date. The server does not
 * know the zone and draws UTC, in the same width.
 */
export function LocalTime({ iso, className }: { iso: string; className?: string }) {
  const hydrated = useHydrated();
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return <span className={className}>–</span>;
  const timeZone = hydrated ? undefined : 'UTC';
  const clock = date.toLocaleTimeString('en-GB', { timeZone, hour12: false });
  const isToday = !hydrated || date.toDateString() === new Date().toDateString();
  const day = isToday ? '' : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} `;
  return (
    <time dateTime={iso} title={`${iso.slice(0, 19).replace('T', ' ')} UTC`} className={className}>
      {day}
      {clock}
    </time>
  );
}
