/** Reading flat header fields `[name, value, …]`. */

/** Lower-case name → its values in order. */
export function fieldMap(fields: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    const value = fields[index + 1] ?? '';
    const values = map.get(name);
    if (values === undefined) map.set(name, [value]);
    else values.push(value);
  }
  return map;
}

/** All values of one field. `lowerName` in lower case. */
export function fieldValues(fields: readonly string[], lowerName: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index];
    if (name !== undefined && name.length === lowerName.length && name.toLowerCase() === lowerName) {
      values.push(fields[index + 1] ?? '');
    }
  }
  return values;
}

export function firstFieldValue(fields: readonly string[], lowerName: string): string | null {
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index];
    if (name !== undefined && name.length === lowerName.length && name.toLowerCase() === lowerName) {
      return fields[index + 1] ?? '';
    }
  }
  return null;
}

/** The tokens of a comma-separated field, lower-case: `Content-Encoding: gzip, BR` → `['gzip', 'br']`. */
export function fieldTokens(fields: readonly string[], lowerName: string): string[] {
  return fieldValues(fields, lowerName)
    .flatMap((value) => value.split(','))
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '');
}
