'use client';

import { type ReactNode, useId } from 'react';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { FieldValue, FormField, Option } from './record-kind.ts';

export interface FormFieldViewProps {
  readonly field: FormField;
  readonly value: FieldValue;
  readonly error: string | null;
  readonly onChange: (value: FieldValue) => void;
  readonly onLeave: () => void;
}

const boxClass =
  'w-full rounded-button border bg-surface px-2.5 text-body text-ink placeholder:text-ink-3 max-sm:text-[16px]';

/** Label above, help below; an error takes the place of the help. */
export function FormFieldView({ field, value, error, onChange, onLeave }: FormFieldViewProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? field.help;
  const shared = {
    id,
    name: field.name,
    'aria-invalid': error !== null,
    'aria-describedby': note ? noteId : undefined,
    onBlur: onLeave,
  };
  const box = join(boxClass, error === null ? 'border-control' : 'border-cinnabar');
  const body = ((): ReactNode => {
    switch (field.kind) {
      case 'text':
        return (
          <input
            {...shared}
            type="text"
            value={String(value)}
            placeholder={field.placeholder}
            autoComplete="off"
            spellCheck={!field.isCode}
            onChange={(event) => onChange(event.target.value)}
            className={join(box, 'h-[30px] max-sm:h-11', field.isCode && 'font-mono text-url')}
          />
        );
      case 'secret':
        return (
          <input
            {...shared}
            type="password"
            value={String(value)}
            placeholder={field.placeholder}
            autoComplete="new-password"
            onChange={(event) => onChange(event.target.value)}
            className={join(box, 'h-[30px] font-mono text-url max-sm:h-11')}
          />
        );
      case 'lines':
        return (
          <textarea
            {...shared}
            rows={field.rows}
            value={String(value)}
            placeholder={field.placeholder}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange(event.target.value)}
            className={join(box, 'py-1.5 font-mono text-url')}
          />
        );
      case 'file':
        return (
          <div className="flex flex-col gap-2">
            <textarea
              {...shared}
              rows={5}
              value={String(value)}
              placeholder={field.placeholder}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => onChange(event.target.value)}
              onDrop={(event) => {
                const [file] = event.dataTransfer.files;
                if (!file) return;
                event.preventDefault();
                void file.text().then(onChange);
              }}
              className={join(box, 'py-1.5 font-mono text-url')}
            />
            <input
              type="file"
              accept={field.accept}
              aria-label={`${field.label}, from a file`}
              onChange={(event) => void event.target.files?.[0]?.text().then(onChange)}
              className="text-meta text-ink-2 file:mr-2 file:h-[26px] file:cursor-pointer file:rounded-button file:border file:border-line-strong file:bg-raised file:px-2 file:text-ink"
            />
          </div>
        );
      case 'choice':
        return (
          <Options
            {...{ id, field }}
            options={field.options}
            isOn={(option) => value === option.value}
            type="radio"
            onPick={(option) => onChange(option.value)}
          />
        );
      case 'some-of': {
        const chosen = Array.isArray(value) ? value : [];
        if (field.options.length === 0) return <p className="text-meta text-ink-3">There is none yet.</p>;
        return (
          <Options
            {...{ id, field }}
            options={field.options}
            isOn={(option) => chosen.includes(option.value)}
            type="checkbox"
            onPick={(option) =>
              onChange(
                chosen.includes(option.value)
                  ? chosen.filter((one) => one !== option.value)
                  : [...chosen, option.value],
              )
            }
          />
        );
      }
      case 'check':
        return (
          <label className="flex items-start gap-2.5 max-sm:min-h-11 max-sm:items-center">
            <input
              {...shared}
              type="checkbox"
              checked={value === true}
              onChange={(event) => onChange(event.target.checked)}
              className="mt-[3px] size-[15px] accent-lapis max-sm:mt-0 max-sm:size-5"
            />
            <span className="font-button">{field.label}</span>
          </label>
        );
    }
  })();
  const isGroup = field.kind === 'choice' || field.kind === 'some-of';
  const content = (
    <>
      {isGroup && <legend className="mb-1.5 font-button">{field.label}</legend>}
      {!isGroup && field.kind !== 'check' && (
        <label htmlFor={id} className="font-button">
          {field.label}
        </label>
      )}
      {body}
      {note && (
        <p
          id={noteId}
          role={error === null ? undefined : 'alert'}
          className={join('text-meta', error === null ? 'text-ink-3' : 'text-cinnabar')}
        >
          {note}
        </p>
      )}
    </>
  );
  return isGroup ? (
    <fieldset className="flex flex-col gap-1.5">{content}</fieldset>
  ) : (
    <div className="flex flex-col gap-1.5">{content}</div>
  );
}

interface OptionsProps {
  readonly id: string;
  readonly options: readonly Option[];
  readonly isOn: (option: Option) => boolean;
  readonly type: 'radio' | 'checkbox';
  readonly onPick: (option: Option) => void;
}

function Options({ id, options, isOn, type, onPick }: OptionsProps) {
  return (
    <div className="flex max-h-60 flex-col overflow-y-auto rounded-button border border-line">
      {options.map((option) => (
        <label
          key={option.value}
          className="flex items-start gap-2.5 border-line px-2.5 py-1.5 not-last:border-b hover:bg-hover max-sm:min-h-11"
        >
          <input
            type={type}
            name={id}
            checked={isOn(option)}
            onChange={() => onPick(option)}
            className="mt-[3px] size-[15px] shrink-0 accent-lapis"
          />
          <span className="min-w-0">
            <span className="block truncate">
              <UntrustedText text={option.label} />
            </span>
            {option.note && (
              <span className="block text-meta text-ink-3">
                <UntrustedText text={option.note} />
              </span>
            )}
          </span>
        </label>
      ))}
    </div>
  );
}
