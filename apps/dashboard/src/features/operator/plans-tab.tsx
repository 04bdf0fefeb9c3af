'use client';

import type { Plan, PlanLimits } from '@portico/api-contract/operator';
import { useState } from 'react';
import { count, plural, text } from '../../lib/format.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { FormView } from '../records/form-view.tsx';
import type { FieldValue, FormField, FormValues } from '../records/record-kind.ts';
import { Part } from './part.tsx';
import { readPlan, readPlans } from './read-operator.ts';
import { useOperatorChange, usePolled } from './use-operator.ts';

interface Limit {
  readonly name: keyof PlanLimits;
  readonly label: string;
  /** As the table's head calls it. */
  readonly head: string;
  /** Shown in the table from this width on. */
  readonly className?: string;
}

const middle = '@max-[640px]:hidden';
const wide = '@max-[1000px]:hidden';

const limits: readonly Limit[] = [
  { name: 'sessions', label: 'Agents at once', head: 'Agents', className: middle },
  { name: 'endpoints', label: 'Endpoints at once', head: 'Endpoints', className: middle },
  { name: 'endpointsPerSession', label: 'Endpoints of one agent', head: 'Per agent', className: wide },
  { name: 'reservedDomains', label: 'Reserved domains', head: 'Domains', className: middle },
  { name: 'requestsPerMonth', label: 'Requests a month', head: 'Requests/mo' },
  { name: 'connectionsPerMonth', label: 'Connections a month', head: 'Conn./mo', className: wide },
  { name: 'bytesPerMonth', label: 'Bytes a month', head: 'Bytes/mo', className: wide },
  { name: 'requestsPerSecond', label: 'Requests a second', head: 'Requests/s', className: wide },
  { name: 'connectionsPerSecond', label: 'Connections a second', head: 'Conn./s', className: wide },
];

const columns = [
  'grid-cols-[minmax(0,1fr)_110px_70px]',
  '@min-[640px]:grid-cols-[minmax(0,1fr)_80px_90px_90px_120px_70px]',
  '@min-[1000px]:grid-cols-[minmax(0,1fr)_70px_80px_90px_70px_90px_90px_90px_90px_90px_60px]',
].join(' ');

/** What accounts may: plans and their limits, which hold within seconds after they were changed. */
export function PlansTab() {
  const polled = usePolled('/plans', readPlans);
  const [open, setOpen] = useState<Plan | 'new' | null>(null);
  const { change, dialog } = useOperatorChange();
  return (
    <>
      <Part polled={polled}>
        {({ plans }) => (
          <>
            <div className="flex flex-wrap items-center justify-between gap-3 px-6 max-sm:px-4">
              <p className="text-ink-2">
                A plan limits the accounts that have it. Where nothing is set, there is no limit.
              </p>
              <Button tone="primary" onClick={() => setOpen('new')}>
                New plan
              </Button>
            </div>
            <TableSection label="Plans">
              <TableHead>
                <Row columns={columns}>
                  <Th>Plan</Th>
                  {limits.map(({ name, head, className }) => (
                    <Th key={name} isFigure {...(className ? { className } : {})}>
                      {head}
                    </Th>
                  ))}
                  <Th isFigure>Accounts</Th>
                </Row>
              </TableHead>
              <TableBody>
                {plans.map((plan) => (
                  <Row
                    key={plan.id}
                    columns={columns}
                    data-plan={plan.id}
                    className="relative min-h-10 py-1.5 hover:bg-hover"
                  >
                    <NameCell>
                      <button
                        type="button"
                        onClick={() => setOpen(plan)}
                        className="max-w-full truncate font-strong after:absolute after:inset-0"
                      >
                        {plan.id}
                      </button>
                    </NameCell>
                    {limits.map(({ name, className }) => (
                      <Td key={name} isFigure {...(className ? { className } : {})}>
                        {shown(plan[name])}
                      </Td>
                    ))}
                    <Td isFigure>{text(count(plan.accounts))}</Td>
                  </Row>
                ))}
              </TableBody>
            </TableSection>
          </>
        )}
      </Part>
      {open !== null && (
        <Dialog form="drawer" title={open === 'new' ? 'New plan' : `Plan ${open.id}`} onClose={() => setOpen(null)}>
          <FormView
            fields={open === 'new' ? [nameField, ...fields] : fields}
            initial={valuesOf(open === 'new' ? null : open)}
            submit={open === 'new' ? 'Make plan' : 'Save limits'}
            intro={
              open === 'new'
                ? 'Give it to accounts under Accounts.'
                : `${plural(open.accounts, 'account has', 'accounts have')} it. Edges hold the new limits within seconds.`
            }
            onSubmit={(values) => {
              const id = open === 'new' ? String(values.id).trim() : open.id;
              return change(`/plans/${encodeURIComponent(id)}`, bodyOf(values), readPlan);
            }}
            onDone={() => {
              setOpen(null);
              void polled.reload();
            }}
            onCancel={() => setOpen(null)}
          />
        </Dialog>
      )}
      {dialog}
    </>
  );
}

function shown(limit: number | null) {
  return limit === null ? <span className="text-ink-3">–</span> : text(count(limit));
}

const nameField: FormField = {
  kind: 'text',
  name: 'id',
  label: 'Name',
  isCode: true,
  problem: (value) =>
    /^[a-z0-9][a-z0-9-]{0,62}$/.test(String(value).trim())
      ? null
      : 'A plan is called by small letters, digits and hyphens, for example small-team.',
};

const fields: readonly FormField[] = limits.map(({ name, label }) => ({
  kind: 'text',
  name,
  label,
  placeholder: 'no limit',
  problem: (value: FieldValue) =>
    /^\d{0,15}$/.test(String(value).trim()) ? null : 'A limit is a whole number, or empty for none.',
}));

function valuesOf(plan: Plan | null): FormValues {
  const values: Record<string, string> = { id: plan?.id ?? '' };
  for (const { name } of limits) values[name] = plan === null ? '' : String(plan[name] ?? '');
  return values;
}

function bodyOf(values: FormValues): Record<string, number | null> {
  return Object.fromEntries(
    limits.map(({ name }) => {
      const value = String(values[name] ?? '').trim();
      return [name, value === '' ? null : Number(value)];
    }),
  );
}
