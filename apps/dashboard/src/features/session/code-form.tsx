'use client';

import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import { signInPath } from '../../lib/own-path.ts';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { CodeField } from '../../ui/code-field.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { quietLink } from './entry-frame.tsx';

/** The second step of signing in: the code of an app, or a recovery code. A plain form before its script has come. */
export function CodeForm({ next, initialProblem }: { next: string; initialProblem: string | null }) {
  const [kind, setKind] = useState<'code' | 'recovery'>('code');
  const [code, setCode] = useState('');
  const [problem, setProblem] = useState(initialProblem);
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  const send = async (value: string) => {
    if (isBusy || value === '') return;
    setBusy(true);
    setProblem(null);
    const answer = await askDashboard('POST', '/session/second-factor', { body: { code: value }, read: nothing });
    if (answer.kind === 'ok') return location.assign(next);
    // The first step took too long: it begins anew.
    if (answer.kind === 'refused' && answer.refusal.code === 4017) return location.assign(signInPath(next));
    setBusy(false);
    setProblem(whyNot(answer));
    setCode('');
    input.current?.focus();
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void send(code);
  };
  return (
    <form method="post" action="/sign-in/submit" onSubmit={submit} noValidate className="flex flex-col gap-4">
      <input type="hidden" name="next" value={next} />
      {kind === 'code' ? (
        <CodeField
          id="code"
          label="Code of your authenticator app"
          ref={input}
          value={code}
          isWrong={problem !== null}
          describedBy="problem"
          onChange={(value) => {
            setCode(value);
            if (value.length === 6) void send(value);
          }}
        />
      ) : (
        <TextField
          id="code"
          name="code"
          label="Recovery code"
          isLarge
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={code}
          onChange={(event) => setCode(event.target.value)}
          help="One of the ten that you kept. Each works once."
        />
      )}
      <p id="problem" role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      <Button tone="primary" type="submit" disabled={isBusy} className="h-9">
        Sign in
      </Button>
      <p className="flex flex-col gap-2 text-meta text-ink-3">
        <button
          type="button"
          className={`${quietLink} self-start`}
          onClick={() => {
            setKind((now) => (now === 'code' ? 'recovery' : 'code'));
            setCode('');
            setProblem(null);
          }}
        >
          {kind === 'code' ? 'Use a recovery code' : 'Use the code of the app'}
        </button>
        <a href={signInPath(next)} className={`${quietLink} self-start`}>
          Sign in as somebody else
        </a>
      </p>
    </form>
  );
}
