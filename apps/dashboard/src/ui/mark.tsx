/** One lintel over visitor, edge, agent and upstream; the agent's column is lit. Whole pixels at 16, 32 and 48. */
export function Mark({ size = 16, className }: { size?: 16 | 32 | 48; className?: string }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} className={className} aria-hidden="true" focusable="false">
      <rect y="1" width="16" height="2" rx=".4" fill="currentColor" />
      <rect x="1" y="5" width="2" height="10" rx=".3" fill="currentColor" />
      <rect x="5" y="5" width="2" height="10" rx=".3" fill="currentColor" />
      <rect x="9" y="5" width="2" height="10" rx=".3" fill="var(--s2)" />
      <rect x="13" y="5" width="2" height="10" rx=".3" fill="currentColor" />
    </svg>
  );
}

/** The name in its own drawing, never set in a font. */
export function Wordmark({ className }: { className?: string }) {
  return (
    <svg viewBox="46 4 107 34" width="66" height="21" className={className} role="img" aria-label="Portico">
      <g transform="translate(46 4)">
        <g fill="none" stroke="currentColor" strokeWidth="3.1">
          <path d="M5 31.5V7.95" />
          <circle cx="11.6" cy="16" r="6.5" />
          <circle cx="29.4" cy="16" r="6.5" />
          <path d="M42.2 24.05V7.95M42.2 17.5c0-5 2.4-8.1 6.8-7.9" />
          <path d="M55 3.2v15.4c0 2.6 1.3 3.9 3.8 3.9h2.2M50.8 9.5h9.8" />
          <path d="M66.8 7.95V24.05" />
          <path d="M85 11.6a6.5 6.5 0 1 0 0 8.8" />
          <circle cx="97.4" cy="16" r="6.5" />
        </g>
        <rect x="65" y="1.5" width="3.6" height="3.6" fill="currentColor" />
      </g>
    </svg>
  );
}
