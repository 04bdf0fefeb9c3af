'use client';

import { field, object, type Reader, text } from '../../lib/shape.ts';
import { both, type CommonRecord, commonFields, commonValues, readCommon, textOf } from '../records/common-fields.tsx';
import { PartList } from '../records/part-list.tsx';
import type { FormField } from '../records/record-kind.ts';
import { vaultNameField } from './vault-name-field.ts';

interface VaultSecret extends CommonRecord {
  readonly name: string;
  readonly vaultId: string;
}

const readSecret: Reader<VaultSecret> = both(readCommon, (value) => ({
  ...object({ name: text })(value),
  vaultId: field('vault', object({ id: text }))(value).id,
}));

const valueField = (help: string): FormField => ({
  kind: 'secret',
  name: 'value',
  label: 'Value',
  help,
});

/** The secrets of one vault: written, replaced and removed, never shown. */
export function VaultSecrets({ vaultId, vaultName }: { vaultId: string; vaultName: string }) {
  return (
    <PartList
      title="Secrets"
      path="/vault_secrets"
      listPath={`/vaults/${vaultId}/secrets`}
      listKey="secrets"
      read={readSecret}
      noun="secret"
      empty="No secret yet."
      rowName={({ name }) => <span className="font-mono text-url">{name}</span>}
      create={{
        title: 'Add a secret',
        submit: 'Add secret',
        fields: [vaultNameField, valueField('Write-only: once saved, nobody can read it here.'), ...commonFields],
        values: () => ({ name: '', value: '', ...commonValues(null) }),
        body: (values) => ({
          name: textOf(values.name),
          value: String(values.value ?? ''),
          vault_id: vaultId,
          description: textOf(values.description),
          metadata: textOf(values.metadata),
        }),
      }}
      edit={{
        title: 'Replace',
        submit: 'Replace value',
        fields: [valueField('Policies use the new value within five seconds.')],
        values: () => ({ value: '' }),
        body: (values) => ({ value: String(values.value ?? '') }),
      }}
      removal={({ name }) => `Policies that name secrets.get('${vaultName}', '${name}') find nothing from now on.`}
    />
  );
}
