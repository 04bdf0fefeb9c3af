'use client';

import { type FormEvent, type ReactNode, useRef, useState } from 'react';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { Button } from '../../ui/button.tsx';
import { FormFieldView } from './form-field.tsx';
import type { FormField, FormValues } from './record-kind.ts';

export interface FormViewProps<T> {
  readonly fields: readonly FormField[];
  readonly initial: FormValues;
  readonly submit: string;
  readonly intro?: ReactNode;
  readonly aside?: (values: FormValues) => ReactNode;
  readonly onSubmit: (values: FormValues) => Promise<RestAnswer<T>>;
  readonly onDone: (value: T) => void;
  readonly onCancel?: () => void;
}

/** A form that is sent as one request. What the API refuses is said as it says it; nothing that was typed is lost. */
export function FormView<T>(props: FormViewProps<T>) {
  const { fields, initial, submit, intro, aside, onSubmit, onDone, onCancel } = props;
  const [values, setValues] = useState<FormValues>(initial);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ readonly text: string; readonly code: string | null } | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const asked = fields.filter((field) => field.isAsked?.(values) ?? true);

  const problemOf = (field: FormField): string | null => field.problem?.(values[field.name] ?? '', values) ?? null;

  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setLeft(new Set(fields.map(({ name }) => name)));
    const wrong = asked.find((field) => problemOf(field) !== null);
    if (wrong) {
      form.current?.querySelector<HTMLElement>(`[name="${CSS.escape(wrong.name)}"]`)?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    const answer = await onSubmit(values);
    setBusy(false);
    if (answer.kind === 'ok') return onDone(answer.value);
    setProblem(problemText(answer));
  };

  return (
    <form ref={form} onSubmit={send} noValidate className="flex flex-col gap-5">
      {intro && <div className="text-ink-2">{intro}</div>}
      {asked.map((field) => (
        <FormFieldView
          key={field.name}
          field={field}
          value={values[field.name] ?? ''}
          error={left.has(field.name) ? problemOf(field) : null}
          onChange={(value) => setValues((had) => ({ ...had, [field.name]: value }))}
          onLeave={() => setLeft((had) => new Set([...had, field.name]))}
        />
      ))}
      {aside?.(values)}
      <div role="alert" className="not-empty:rounded-button not-empty:bg-cinnabar-soft not-empty:px-3 not-empty:py-2">
        {problem && (
          <p className="text-cinnabar wrap-anywhere">
            {problem.text}
            {problem.code && <span className="ml-2 font-mono text-meta text-ink-2">{problem.code}</span>}
          </p>
        )}
      </div>
      <div className="flex justify-end gap-2">
        {onCancel && (
          <Button tone="secondary" onClick={onCancel}>
            Cancel
          </Button>
        )}
        <Button tone="primary" type="submit" aria-busy={isBusy} disabled={isBusy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

/** What to say of an answer that is not the wanted one. */
export function problemText(answer: Exclude<RestAnswer<unknown>, { kind: 'ok' }>): {
  text: string;
  code: string | null;
} {
  switch (answer.kind) {
    case 'refused':
      return { text: answer.message, code: answer.code };
    case 'signed-out':
      return { text: 'You are signed out. Sign in in another tab, then send this again.', code: null };
    case 'no-contact':
      return { text: 'The API does not answer. Nothing was changed; try again in a few seconds.', code: null };
  }
}
