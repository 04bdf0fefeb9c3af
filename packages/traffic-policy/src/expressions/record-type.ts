/**
 * A type of the expression language with named fields: `conn`, `req.url`, `actions.ngrok.oauth.identity`, … A field
 * that nobody declared is an error when the policy is loaded; one that is declared and has no value now (undefined) is
 * an error when it is read, and `has()` tells.
 *
 * A type with the field `$text` is a text that has fields too (`req.url`, `conn.client_ip`): wherever it is used as a
 * whole, the expression reads `$text`.
 */
export interface RecordType {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  /** Values of this type are instances of it; reading a field calls its getter. */
  readonly valueClass: ValueClass;
}

/** A type by its CEL name (`string`, `int`, `list<string>`, `map<string, dyn>`), or a record. */
export type FieldType = string | RecordType;

type ValueClass = abstract new (...parameters: never) => object;

export const TEXT_FIELD = '$text';
export const TIMESTAMP = 'google.protobuf.Timestamp';
export const DURATION = 'google.protobuf.Duration';

/** A record whose values are instances of a class of ours with a getter for every field. */
export function classRecord(
  name: string,
  valueClass: ValueClass,
  fields: Readonly<Record<string, FieldType>>,
): RecordType {
  return { name, fields, valueClass };
}

export interface PlainRecordType extends RecordType {
  /** A value of this type that reads from a plain object, now or later; nested records are wrapped as well. */
  wrap(raw: object): object;
}

/** A record over plain objects: of action results, certificates, locations. Integers may be plain numbers there. */
export function plainRecord(name: string, fields: Readonly<Record<string, FieldType>>): PlainRecordType {
  class PlainRecord {
    readonly raw: object;
    constructor(raw: object) {
      this.raw = raw;
    }
  }
  for (const [field, type] of Object.entries(fields)) {
    Object.defineProperty(PlainRecord.prototype, field, {
      get(this: PlainRecord): unknown {
        return asFieldValue(Reflect.get(this.raw, field), type);
      },
    });
  }
  return { name, fields, valueClass: PlainRecord, wrap: (raw) => new PlainRecord(raw) };
}

function asFieldValue(value: unknown, type: FieldType): unknown {
  if (value === undefined || value === null) return undefined;
  if (type === 'int' && typeof value === 'number') return BigInt(Math.trunc(value));
  if (typeof type === 'string' || typeof value !== 'object') return value;
  return isPlainRecord(type) ? type.wrap(value) : value;
}

function isPlainRecord(type: RecordType): type is PlainRecordType {
  return 'wrap' in type;
}
