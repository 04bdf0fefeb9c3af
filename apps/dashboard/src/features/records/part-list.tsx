'use client';

import { type ReactNode, useState } from 'react';
import type { Reader } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { FormView } from './form-view.tsx';
import type { ApiRecord, RecordForm } from './record-kind.ts';
import { RemoveDialog } from './remove-dialog.tsx';
import { useRecords } from './use-records.ts';

export interface PartListProps<R extends ApiRecord> {
  readonly title: string;
  /** Where parts are made, changed and removed. */
  readonly path: string;
  /** Where those of this object are listed. */
  readonly listPath: string;
  readonly listKey: string;
  readonly query?: string;
  readonly read: Reader<R>;
  readonly noun: string;
  readonly empty: string;
  readonly rowName: (part: R) => ReactNode;
  readonly create?: RecordForm<R>;
  readonly edit?: RecordForm<R>;
  readonly removal?: (part: R) => ReactNode;
  /** `Sign out` where nothing is removed for good. */
  readonly removeVerb?: string;
}

type Mode<R> = { readonly kind: 'list' | 'new' } | { readonly kind: 'edit' | 'remove'; readonly part: R };

/** What belongs to one object, inside its drawer: rules of a policy, secrets of a vault. */
export function PartList<R extends ApiRecord>(props: PartListProps<R>) {
  const { title, path, listPath, listKey, query = '', read, noun, empty, rowName, create, edit, removal } = props;
  const { removeVerb = 'Remove' } = props;
  const account = useAccount();
  const parts = useRecords({ path: listPath, key: listKey, read }, query);
  const [mode, setMode] = useState<Mode<R>>({ kind: 'list' });
  const back = () => setMode({ kind: 'list' });
  const done = () => {
    void parts.reload();
    back();
  };
  const items = parts.items;
  return (
    <section aria-label={title} className="flex flex-col gap-2">
      <div className="flex items-center justify-between">
        <h3 className="font-section">{title}</h3>
        {create && account.mayChange && mode.kind === 'list' && (
          <Button tone="secondary" className="h-[26px]" onClick={() => setMode({ kind: 'new' })}>
            {create.title}
          </Button>
        )}
      </div>
      {mode.kind === 'new' && create && (
        <div className="rounded-panel border border-line p-4">
          <FormView
            fields={create.fields}
            initial={create.values(null)}
            submit={create.submit}
            intro={create.intro}
            onSubmit={(values) => account.rest.create(path, create.body(values), read)}
            onCancel={back}
            onDone={done}
          />
        </div>
      )}
      {parts.problem?.kind === 'no-contact' && <p className="text-ochre">The API does not answer.</p>}
      {parts.problem?.kind === 'refused' && <p className="text-ochre">{parts.problem.message}</p>}
      {items?.length === 0 && mode.kind === 'list' && <p className="text-ink-3">{empty}</p>}
      {items !== null && items.length > 0 && (
        <ul className="border-t border-line">
          {items.map((part) => (
            <li key={part.id} className="border-b border-line py-1.5">
              <div className="flex min-h-[26px] items-center gap-2">
                <div className="min-w-0 flex-1 truncate">{rowName(part)}</div>
                {account.mayChange && edit && (
                  <Button tone="quiet" className="h-[26px] px-2" onClick={() => setMode({ kind: 'edit', part })}>
                    {edit.title}
                  </Button>
                )}
                {account.mayChange && removal && (
                  <Button
                    tone="quiet"
                    className="h-[26px] px-2 text-cinnabar"
                    onClick={() => setMode({ kind: 'remove', part })}
                  >
                    {removeVerb}
                  </Button>
                )}
              </div>
              {mode.kind === 'edit' && mode.part.id === part.id && edit && (
                <div className="mt-2 rounded-panel border border-line p-4">
                  <FormView
                    fields={edit.fields}
                    initial={edit.values(part)}
                    submit={edit.submit}
                    intro={edit.intro}
                    onSubmit={(values) => account.rest.change(`${path}/${part.id}`, edit.body(values), read)}
                    onCancel={back}
                    onDone={done}
                  />
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {parts.next !== null && (
        <Button tone="secondary" onClick={parts.loadMore}>
          Show more
        </Button>
      )}
      {mode.kind === 'remove' && removal && (
        <RemoveDialog
          title={`${removeVerb} ${noun}`}
          verb={`${removeVerb} ${noun}`}
          onRemove={() => account.rest.remove(`${path}/${mode.part.id}`)}
          onClose={back}
          onDone={done}
        >
          {removal(mode.part)}
        </RemoveDialog>
      )}
    </section>
  );
}
