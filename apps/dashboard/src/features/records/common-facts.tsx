import type { ReactNode } from 'react';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import type { CommonRecord } from './common-fields.tsx';
import { Fact, Facts } from './facts.tsx';

/** The facts of a record: first those of its kind, then those that all have. */
export function CommonFacts({ record, children }: { record: CommonRecord; children?: ReactNode }) {
  return (
    <Facts>
      {children}
      {record.description !== '' && (
        <Fact label="Description">
          <UntrustedText text={record.description} />
        </Fact>
      )}
      {record.metadata !== '' && (
        <Fact label="Metadata">
          <span className="font-mono text-url">
            <UntrustedText text={record.metadata} />
          </span>
        </Fact>
      )}
      <Fact label="Made">
        <LocalTime iso={record.createdAt} />
      </Fact>
      <Fact label="Id">
        <code className="font-mono text-url">{record.id}</code>
      </Fact>
    </Facts>
  );
}

/** The first cell of a row: what people called it, or its id while they did not. */
export function nameOf(record: CommonRecord): string {
  return record.description === '' ? record.id : record.description;
}

export function NameOf({ record }: { record: CommonRecord }) {
  return record.description === '' ? (
    <span className="font-mono text-url font-regular">{record.id}</span>
  ) : (
    <UntrustedText text={record.description} />
  );
}
