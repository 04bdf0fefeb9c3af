'use client';

import { Copy } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { copyText } from '../../lib/copy-text.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';

/** A secret, once. Esc does not close it, since nobody can show it again. */
export function SecretDialog({
  noun,
  secret,
  note,
  onClose,
}: {
  noun: string;
  secret: string;
  note?: ReactNode;
  onClose: () => void;
}) {
  const [said, setSaid] = useState('');
  return (
    <Dialog title={`Your new ${noun}`} onClose={onClose} isEasilyClosed={false}>
      <div className="flex flex-col gap-4">
        <p className="text-ink-2">This is the only time that it is shown. Keep it where secrets are kept.</p>
        <code
          data-secret
          className="rounded-button border border-line bg-sunken px-3 py-2 font-mono text-url wrap-anywhere select-all"
        >
          {secret}
        </code>
        {note && <div className="text-meta text-ink-3">{note}</div>}
        <p role="status" className="text-meta text-ink-2">
          {said}
        </p>
        <div className="flex justify-end gap-2">
          <Button tone="secondary" onClick={onClose}>
            Done, I have it
          </Button>
          <Button
            tone="primary"
            onClick={async () =>
              setSaid(
                (await copyText(secret)) ? 'Copied.' : 'The browser did not allow it. Select the text and copy it.',
              )
            }
          >
            <Copy size={15} strokeWidth={1.75} aria-hidden />
            Copy
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
