'use client';

import type { CaptureResource } from '@portico/api-contract/public';
import { useCallback, useEffect, useState } from 'react';
import { bytes, text as figureText, plural } from '../../lib/format.ts';
import { list, number, object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { linesOf, textOf } from '../records/common-fields.tsx';
import { FormView } from '../records/form-view.tsx';
import type { FormField } from '../records/record-kind.ts';

export type CaptureSetting = Omit<CaptureResource, 'uri'>;

const readCapture: Reader<CaptureSetting> = object({
  mode: oneOf('off', 'metadata', 'full'),
  body_bytes: number,
  retention_hours: number,
  size_limit_bytes: number,
  hidden_headers: list(text),
  exchanges: number,
  size_bytes: number,
});

/** What the account keeps of its traffic; null until the API has said it. */
export function useCapture(): { setting: CaptureSetting | null; reload: () => Promise<void> } {
  const { rest } = useAccount();
  const [setting, setSetting] = useState<CaptureSetting | null>(null);
  const reload = useCallback(async () => {
    const answer = await rest.get('/capture', readCapture);
    if (answer.kind === 'ok') setSetting(answer.value);
  }, [rest]);
  useEffect(() => void reload(), [reload]);
  return { setting, reload };
}

const between = (label: string, least: number, most: number) => (value: unknown) => {
  const wanted = Number(String(value).trim());
  return Number.isInteger(wanted) && wanted >= least && wanted <= most
    ? null
    : `${label} is a whole number from ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}.`;
};

const isOn = ({ mode }: Readonly<Record<string, unknown>>): boolean => mode !== 'off';
const isFull = ({ mode }: Readonly<Record<string, unknown>>): boolean => mode === 'full';

const fields: readonly FormField[] = [
  {
    kind: 'choice',
    name: 'mode',
    label: 'Keep of each request',
    options: [
      { value: 'off', label: 'Nothing', note: 'What is kept now is removed at once.' },
      { value: 'metadata', label: 'Its line and figures', note: 'Method, path, status, times, sizes, address.' },
      { value: 'full', label: 'Headers and the beginning of bodies too', note: 'Sealed. Needed for replays.' },
    ],
  },
  {
    kind: 'text',
    name: 'hours',
    label: 'For how many hours',
    isAsked: isOn,
    problem: between('The time', 1, 720),
  },
  {
    kind: 'text',
    name: 'megabytes',
    label: 'At most, in MB',
    help: 'The oldest go first.',
    isAsked: isOn,
    problem: between('The limit', 2, 100_000),
  },
  {
    kind: 'text',
    name: 'bodyBytes',
    label: 'Bytes of each body',
    isAsked: isFull,
    problem: between('What is kept of a body', 0, 65_536),
  },
  {
    kind: 'lines',
    name: 'hidden',
    label: 'Headers whose values nobody sees',
    rows: 5,
    help: 'One name a line. A replay still sends them.',
    isAsked: isFull,
  },
];

export function CaptureDialog({
  setting,
  onClose,
  onSaved,
}: {
  setting: CaptureSetting;
  onClose: () => void;
  onSaved: () => void;
}) {
  const { rest } = useAccount();
  return (
    <Dialog title="Capture" onClose={onClose} form="drawer">
      <FormView
        fields={fields}
        submit="Save capture"
        intro={
          setting.mode === 'off'
            ? 'Traffic never waits for it: what has no room is dropped, and counted in the footer.'
            : `${plural(setting.exchanges, 'request is', 'requests are')} kept now, ${figureText(bytes(setting.size_bytes))}.`
        }
        initial={{
          mode: setting.mode === 'off' ? 'full' : setting.mode,
          hours: String(setting.retention_hours),
          megabytes: String(Math.round(setting.size_limit_bytes / 1_000_000)),
          bodyBytes: String(setting.body_bytes),
          hidden: setting.hidden_headers.join('\n'),
        }}
        onSubmit={(values) =>
          rest.change(
            '/capture',
            values.mode === 'off'
              ? { mode: 'off' }
              : {
                  mode: textOf(values.mode),
                  retention_hours: Number(textOf(values.hours)),
                  size_limit_bytes: Number(textOf(values.megabytes)) * 1_000_000,
                  body_bytes: Number(textOf(values.bodyBytes)),
                  hidden_headers: linesOf(values.hidden),
                },
            readCapture,
          )
        }
        onDone={onSaved}
        onCancel={onClose}
      />
    </Dialog>
  );
}
