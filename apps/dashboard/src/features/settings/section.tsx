import type { ReactNode } from 'react';

/** One part of the settings, at most 640 wide. */
export function Section({
  id,
  title,
  about,
  children,
}: {
  id: string;
  title: string;
  about?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section id={id} aria-labelledby={`${id}-title`} className="scroll-mt-6 border-b border-line py-6 last:border-b-0">
      <h2 id={`${id}-title`} className="mb-1 text-prose font-section">
        {title}
      </h2>
      {about && <p className="text-ink-2">{about}</p>}
      <div className="mt-4 flex flex-col gap-4">{children}</div>
    </section>
  );
}

/** What came of the last thing that was done here. */
export interface Outcome {
  readonly isGood: boolean;
  readonly text: string;
}

export function OutcomeLine({ outcome }: { outcome: Outcome | null }) {
  if (outcome === null) return null;
  return (
    <p role={outcome.isGood ? 'status' : 'alert'} className={outcome.isGood ? 'text-verdigris' : 'text-cinnabar'}>
      {outcome.text}
    </p>
  );
}
