'use client';

import { useEffect, useState } from 'react';

/** A QR code of `text`, drawn by this page; black on white whatever the theme, or cameras do not read it. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const [rows, setRows] = useState<readonly (readonly boolean[])[] | null>(null);
  useEffect(() => {
    let isOpen = true;
    void import('uqr').then(({ encode }) => {
      if (isOpen) setRows(encode(text, { ecc: 'M', border: 2 }).data);
    });
    return () => {
      isOpen = false;
    };
  }, [text]);
  const size = rows?.length ?? 1;
  const path = (rows ?? [])
    .flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])))
    .join('');
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      width={176}
      height={176}
      shapeRendering="crispEdges"
      className="rounded-button border border-line"
    >
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#000000" />
    </svg>
  );
}
