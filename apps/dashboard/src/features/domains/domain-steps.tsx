import type { ReactNode } from 'react';
import { join } from '../../ui/join.ts';
import type { Step, StepTone } from './domain.ts';

export interface ShownStep extends Step {
  readonly name: string;
  readonly note: ReactNode;
}

const columnColours: Record<StepTone, string> = {
  works: 'bg-s2',
  waiting: 'bg-s4',
  fails: 'bg-s5',
  idle: 'border border-dashed border-control',
};
const textColours: Record<StepTone, string> = {
  works: 'text-verdigris',
  waiting: 'text-ochre',
  fails: 'text-cinnabar',
  idle: 'text-ink-2',
};

/** From a name to its first visitor: columns under one lintel, which is drawn as far as the steps are done. */
export function DomainSteps({ steps }: { steps: readonly ShownStep[] }) {
  const firstOpen = steps.findIndex(({ tone }) => tone !== 'works');
  const done = firstOpen === -1 ? steps.length : firstOpen;
  return (
    <ol aria-label="From the name to its first visitor" className="grid grid-cols-1 gap-y-3 sm:grid-cols-3">
      {steps.map(({ name, tone, says, note }, at) => (
        <li
          key={name}
          data-step={tone}
          className={join('border-t-4 pt-1.5', at < done ? 'border-ink' : 'border-line-strong')}
        >
          <div className="flex gap-3">
            <span aria-hidden className={join('w-2 shrink-0 self-stretch', columnColours[tone])} />
            <div className="min-w-0 py-0.5 pr-4">
              <h3 className="font-section">{name}</h3>
              <p className={join('wrap-anywhere', textColours[tone])}>{says}</p>
              <p className="text-meta text-ink-3 wrap-anywhere">{note}</p>
            </div>
          </div>
        </li>
      ))}
    </ol>
  );
}

/** The state of a row: a dot whose shape differs with it, and a word. */
export function StateWord({ tone, says }: Step) {
  return (
    <span className={join('inline-flex items-center gap-1.5', textColours[tone])}>
      <span
        aria-hidden
        className={join(
          'size-2 shrink-0',
          tone === 'fails' ? 'rotate-45 rounded-bar' : 'rounded-full',
          columnColours[tone],
        )}
      />
      {says}
    </span>
  );
}
