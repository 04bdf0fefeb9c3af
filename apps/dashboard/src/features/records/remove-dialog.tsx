'use client';

import { type ReactNode, useState } from 'react';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { problemText } from './form-view.tsx';

export interface RemoveDialogProps {
  readonly title: ReactNode;
  readonly verb: string;
  /** What stops, in whole sentences. */
  readonly children: ReactNode;
  readonly onRemove: () => Promise<RestAnswer<unknown>>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Says what stops, then does it. */
export function RemoveDialog({ title, verb, children, onRemove, onDone, onClose }: RemoveDialogProps) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    setBusy(true);
    const answer = await onRemove();
    setBusy(false);
    // Someone else was faster: what was wanted is so.
    if (answer.kind === 'ok' || (answer.kind === 'refused' && answer.status === 404)) return onDone();
    setProblem(problemText(answer).text);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="flex flex-col gap-4">
        <div className="text-ink-2">{children}</div>
        <p role="alert" className="text-cinnabar empty:hidden">
          {problem}
        </p>
        <div className="flex justify-end gap-2">
          <Button tone="secondary" onClick={onClose}>
            Keep it
          </Button>
          <Button tone="danger" aria-busy={isBusy} disabled={isBusy} onClick={remove}>
            {verb}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
