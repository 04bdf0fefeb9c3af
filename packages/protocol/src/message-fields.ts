/** A message that does not have the shape it should have. `message` names the field and what is wrong, without its value. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
}

/**
 * The fields of a received JSON object. Names are found in any case, because the official clients differ
 * (`AuthToken`, `Authtoken`); the exact spelling wins over others. A field that is null counts as absent.
 * Every method throws `MessageError` when the value has another type.
 */
export class MessageFields {
  readonly #where: string;
  readonly #fields = new Map<string, unknown>();
  readonly #exact: Readonly<Record<string, unknown>>;

  constructor(value: unknown, where: string) {
    if (!isRecord(value)) throw new MessageError(`${where}: an object is expected`);
    this.#where = where;
    this.#exact = value;
    for (const [name, field] of Object.entries(value)) this.#fields.set(name.toLowerCase(), field);
  }

  /** The value as it came, undefined when absent or null. */
  raw(name: string): unknown {
    const value = Object.hasOwn(this.#exact, name) ? this.#exact[name] : this.#fields.get(name.toLowerCase());
    return value ?? undefined;
  }

  textOrNull(name: string): string | null {
    const value = this.raw(name);
    if (value === undefined) return null;
    if (typeof value !== 'string') throw this.#wrong(name, 'text');
    return value;
  }

  /** Absent is ''. */
  text(name: string): string {
    return this.textOrNull(name) ?? '';
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  numberOrNull(name: string): number | null {
    const value = this.raw(name);
    if (value === undefined) return null;
    if (typeof value !== 'number') throw this.#wrong(name, 'a number');
    return value;
  }

  /** An integer that a double holds exactly. */
  integerOrNull(name: string): number | null {
    const value = this.numberOrNull(name);
    if (value !== null && !Number.isSafeInteger(value)) throw this.#wrong(name, 'an integer');
    return value;
  }

  textsOrNull(name: string): string[] | null {
    const value = this.raw(name);
    if (value === undefined) return null;
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list of texts');
    return value.map((item: unknown) => {
      if (typeof item !== 'string') throw this.#wrong(name, 'a list of texts');
      return item;
    });
  }

  texts(name: string): string[] {
    return this.textsOrNull(name) ?? [];
  }

  /** Text to text. */
  textMap(name: string): Map<string, string> {
    const value = this.raw(name);
    const map = new Map<string, string>();
    if (value === undefined) return map;
    if (!isRecord(value)) throw this.#wrong(name, 'an object of texts');
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== 'string') throw this.#wrong(name, 'an object of texts');
      map.set(key, item);
    }
    return map;
  }

  /** Standard base64; absent and '' are null. */
  bytesOrNull(name: string): Buffer | null {
    const value = this.text(name);
    if (value === '') return null;
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) throw this.#wrong(name, 'base64');
    return Buffer.from(value, 'base64');
  }

  objectOrNull(name: string): MessageFields | null {
    const value = this.raw(name);
    return value === undefined ? null : new MessageFields(value, `${this.#where}.${name}`);
  }

  /** Absent is an object without fields. */
  object(name: string): MessageFields {
    return this.objectOrNull(name) ?? new MessageFields({}, `${this.#where}.${name}`);
  }

  objects(name: string): MessageFields[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list');
    return value.map((item: unknown, index) => new MessageFields(item, `${this.#where}.${name}[${index}]`));
  }

  /** The names as received. */
  names(): string[] {
    return Object.keys(this.#exact);
  }

  #wrong(name: string, expected: string): MessageError {
    return new MessageError(`${this.#where}.${name}: ${expected} is expected`);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
