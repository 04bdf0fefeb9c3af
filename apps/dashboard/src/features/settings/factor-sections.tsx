'use client';

import { Fingerprint, Plus } from 'lucide-react';
import { type SubmitEvent, useState } from 'react';
import { createPasskey } from '../../lib/passkey.ts';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { anything, field, list, object, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { CodeField } from '../../ui/code-field.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { PersonSectionProps } from './person-sections.tsx';
import { type Outcome, OutcomeLine, Section } from './section.tsx';
import { browserName } from './security.ts';

const readSetup = object({ secret: text, uri: text });
const readCodes = field('codes', list(text));

type Step =
  | { readonly kind: 'closed' }
  | { readonly kind: 'scan'; readonly secret: string; readonly uri: string }
  | { readonly kind: 'codes'; readonly codes: readonly string[] }
  | { readonly kind: 'off' };

export function TotpSection({ facts, csrfToken, run, reload }: PersonSectionProps) {
  const [step, setStep] = useState<Step>({ kind: 'closed' });
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const { totp } = facts;
  const begin = async () => {
    setOutcome(null);
    const answer = await run(() => askDashboard('POST', '/totp', { csrf: csrfToken, read: readSetup }));
    if (answer.kind === 'ok') setStep({ kind: 'scan', ...answer.value });
    else setOutcome({ isGood: false, text: whyNot(answer) });
  };
  const renew = async () => {
    setOutcome(null);
    const answer = await run(() => askDashboard('POST', '/recovery-codes', { csrf: csrfToken, read: readCodes }));
    if (answer.kind === 'ok') setStep({ kind: 'codes', codes: answer.value });
    else setOutcome({ isGood: false, text: whyNot(answer) });
  };
  const turnOff = async () => {
    setStep({ kind: 'closed' });
    const answer = await run(() => askDashboard('DELETE', '/totp', { csrf: csrfToken, read: nothing }));
    setOutcome(
      answer.kind === 'ok'
        ? { isGood: true, text: 'One-time codes are off. Your other browsers are signed out.' }
        : { isGood: false, text: whyNot(answer) },
    );
    await reload();
  };
  return (
    <Section
      id="codes"
      title="One-time codes"
      about="After your password, sign-in asks for the code of an app on your phone."
    >
      <div className="flex flex-wrap items-center gap-3">
        <Chip tone={totp ? 'works' : 'plain'}>{totp ? 'on' : 'off'}</Chip>
        {totp && (
          <span className={totp.recoveryCodes <= 3 ? 'text-ochre' : 'text-ink-2'}>
            {totp.recoveryCodes} of 10 recovery codes left
          </span>
        )}
      </div>
      <OutcomeLine outcome={outcome} />
      <div className="flex flex-wrap gap-2">
        {totp === null ? (
          <Button tone="secondary" onClick={begin}>
            Set up one-time codes
          </Button>
        ) : (
          <>
            <Button tone="secondary" onClick={renew}>
              Make new recovery codes
            </Button>
            <Button tone="quiet-danger" onClick={() => setStep({ kind: 'off' })}>
              Turn off…
            </Button>
          </>
        )}
      </div>
      {step.kind === 'scan' && (
        <ScanDialog
          {...step}
          csrfToken={csrfToken}
          run={run}
          onClose={() => setStep({ kind: 'closed' })}
          onDone={(codes) => {
            setStep({ kind: 'codes', codes });
            void reload();
          }}
        />
      )}
      {step.kind === 'codes' && (
        <CodesDialog
          codes={step.codes}
          onClose={() => {
            setStep({ kind: 'closed' });
            void reload();
          }}
        />
      )}
      {step.kind === 'off' && (
        <Dialog title="Turn one-time codes off?" onClose={() => setStep({ kind: 'closed' })}>
          <div className="flex flex-col gap-4">
            <p className="text-ink-2">
              Your password alone signs you in then. The recovery codes stop working, your other browsers are signed
              out, and accounts that want a second factor keep you out.
            </p>
            <div className="flex justify-end gap-2">
              <Button tone="secondary" onClick={() => setStep({ kind: 'closed' })}>
                Keep them
              </Button>
              <Button tone="danger" onClick={turnOff}>
                Turn codes off
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </Section>
  );
}

interface ScanDialogProps extends Pick<PersonSectionProps, 'csrfToken' | 'run'> {
  readonly secret: string;
  readonly uri: string;
  readonly onClose: () => void;
  readonly onDone: (codes: readonly string[]) => void;
}

function ScanDialog({ secret, uri, csrfToken, run, onClose, onDone }: ScanDialogProps) {
  const [code, setCode] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const finish = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    const answer = await run(() =>
      askDashboard('POST', '/totp/finish', { body: { code }, csrf: csrfToken, read: readCodes }),
    );
    setBusy(false);
    if (answer.kind === 'ok') return onDone(answer.value);
    setCode('');
    setProblem(
      answer.kind === 'refused' && answer.refusal.code === 4007
        ? 'The app shows another code now, or its clock is more than a minute off.'
        : whyNot(answer),
    );
  };
  return (
    <Dialog title="Set up one-time codes" onClose={onClose}>
      <form onSubmit={finish} noValidate className="flex flex-col gap-4">
        <p className="text-ink-2">Scan this with an authenticator app, or type the secret into it.</p>
        <QrCode text={uri} label="QR code of the secret" />
        <p className="flex max-w-full items-center gap-2">
          <code className="font-mono text-url wrap-anywhere" data-secret>
            {secret.match(/.{1,4}/g)?.join(' ')}
          </code>
          <CopyButton text={secret} label="Copy the secret" />
        </p>
        <CodeField
          id="totp-code"
          label="The code that the app shows"
          value={code}
          isWrong={problem !== null}
          describedBy="totp-problem"
          onChange={setCode}
        />
        <p id="totp-problem" role="alert" className="text-cinnabar empty:hidden">
          {problem}
        </p>
        <div className="flex justify-end">
          <Button tone="primary" type="submit" disabled={isBusy || code.length !== 6}>
            Turn codes on
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Shown once: Esc is no way out. */
function CodesDialog({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  return (
    <Dialog title="Your recovery codes" onClose={onClose} isEasilyClosed={false}>
      <div className="flex flex-col gap-4">
        <p className="text-ink-2">
          Each signs you in once, in place of a code of the app. Keep them where you keep passwords; they are not shown
          again.
        </p>
        <ol className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-button border border-line bg-sunken p-4 font-mono text-prose">
          {codes.map((code) => (
            <li key={code} data-recovery-code>
              {code}
            </li>
          ))}
        </ol>
        <div className="flex items-center justify-between gap-2">
          <span className="flex items-center gap-1">
            <CopyButton text={codes.join('\n')} label="Copy all codes" />
            <span className="text-ink-2">Copy all</span>
          </span>
          <Button tone="primary" onClick={onClose}>
            Done, I have them
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

export function PasskeysSection({ facts, csrfToken, run, reload }: PersonSectionProps) {
  const [name, setName] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isBusy, setBusy] = useState(false);
  const fail = (words: string) => setOutcome({ isGood: false, text: words });
  const add = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy || name === null || name.trim() === '') return;
    setBusy(true);
    setOutcome(null);
    const options = await run(() => askDashboard('POST', '/passkeys/options', { csrf: csrfToken, read: anything }));
    const outcome = options.kind === 'ok' ? await createPasskey(options.value) : null;
    setBusy(false);
    if (options.kind !== 'ok') return fail(whyNot(options));
    if (outcome === null || outcome.kind === 'not-here') {
      return fail(
        'This browser takes no passkeys here. They need a page with a host name, over HTTPS or on localhost.',
      );
    }
    if (outcome.kind === 'given-up') return fail('No passkey was made.');
    const body = { name: name.trim(), attestation: outcome.credential };
    const answer = await run(() => askDashboard('POST', '/passkeys', { body, csrf: csrfToken, read: nothing }));
    if (answer.kind !== 'ok') return fail(whyNot(answer));
    setName(null);
    setOutcome({ isGood: true, text: 'The passkey signs you in from now on, without a password.' });
    await reload();
  };
  const remove = async (id: string) => {
    setOutcome(null);
    const path = `/passkeys/${encodeURIComponent(id)}`;
    const answer = await run(() => askDashboard('DELETE', path, { csrf: csrfToken, read: nothing }));
    if (answer.kind !== 'ok') fail(whyNot(answer));
    await reload();
  };
  return (
    <Section
      id="passkeys"
      title="Passkeys"
      about="A device or a key of yours that signs you in with a touch, and cannot be asked for by a false page."
    >
      {facts.passkeys.length > 0 && (
        <ul className="border-t border-line">
          {facts.passkeys.map((passkey) => (
            <li key={passkey.id} className="flex min-h-[52px] items-center gap-3 border-b border-line py-2">
              <Fingerprint size={15} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-3" />
              <span className="min-w-0 flex-1">
                <span className="block truncate font-button">
                  <UntrustedText text={passkey.name} />
                </span>
                <span className="block text-meta text-ink-3">
                  {passkey.lastUsedAt ? (
                    <>
                      last used <LocalTime iso={passkey.lastUsedAt} />
                    </>
                  ) : (
                    'not used yet'
                  )}
                  {passkey.isBackedUp && ' · kept by your provider'}
                </span>
              </span>
              <Button tone="quiet" onClick={() => remove(passkey.id)}>
                Remove<span className="sr-only"> {passkey.name}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
      <OutcomeLine outcome={outcome} />
      {name === null ? (
        <Button tone="secondary" className="self-start" onClick={() => setName(browserName(navigator.userAgent))}>
          <Plus size={15} strokeWidth={1.75} aria-hidden />
          Add a passkey
        </Button>
      ) : (
        <form onSubmit={add} className="flex flex-col items-start gap-4">
          <div className="w-full">
            <TextField
              label="Name of the passkey"
              name="passkey-name"
              maxLength={200}
              autoComplete="off"
              help="To tell it from others: the device, or where you keep the key."
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </div>
          <div className="flex gap-2">
            <Button tone="primary" type="submit" disabled={isBusy || name.trim() === ''}>
              Make the passkey
            </Button>
            <Button tone="secondary" onClick={() => setName(null)}>
              Cancel
            </Button>
          </div>
        </form>
      )}
    </Section>
  );
}
