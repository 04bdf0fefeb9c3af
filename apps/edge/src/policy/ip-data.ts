import { readFile, stat } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { addToBlockList, type Logger } from '@portico/service';
import type { IpFacts, LocationFacts } from '@portico/traffic-policy';
import { Reader } from 'mmdb-lib';

/** What an operator gives: MaxMind databases (city or country, and ASN), and a list of categories. */
export interface IpDataFiles {
  readonly databases: readonly string[];
  /** Lines of `category CIDR`; empty ones and those behind `#` count for nothing. */
  readonly categories: string | null;
}

/**
 * What the operator's data files say about addresses. Files are read off the data path and swapped whole when they
 * change; one that cannot be read leaves what was there before.
 */
export class IpData {
  readonly #files: IpDataFiles;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #readers = new Map<string, { readonly version: string; readonly reader: Reader<never> }>();
  #categories: { readonly version: string; readonly lists: ReadonlyMap<string, BlockList> } | null = null;
  #running: Promise<void> | null = null;

  constructor({ files, log, everyMs = 60_000 }: { files: IpDataFiles; log: Logger; everyMs?: number }) {
    this.#files = files;
    this.#log = log;
    this.#timer = setInterval(() => void this.refresh(), everyMs);
    this.#timer.unref();
    void this.refresh();
  }

  /** Null when no file knows the address. */
  facts(ip: string): IpFacts | null {
    if (this.#readers.size === 0 && this.#categories === null) return null;
    if (isIP(ip) === 0) return null;
    const records = [...this.#readers.values()].flatMap(({ reader }) => {
      const record: unknown = lookUp(reader, ip);
      return isMap(record) ? [record] : [];
    });
    const categories = this.#categoriesOf(ip);
    if (records.length === 0 && categories.length === 0) return null;
    const all: Fields = Object.assign({}, ...records);
    return {
      categories,
      asNumber: number(all.autonomous_system_number),
      asOrganization: text(all.autonomous_system_organization) || null,
      location: isMap(all.country) || isMap(all.location) || isMap(all.city) ? location(all, all.country) : null,
      registeredLocation: isMap(all.registered_country) ? location({}, all.registered_country) : null,
    };
  }

  /** Looks whether files changed and reads those that did. */
  refresh(): Promise<void> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #refresh(): Promise<void> {
    for (const file of this.#files.databases) {
      await this.#read(file, this.#readers.get(file)?.version ?? '', (bytes, version) => {
        this.#readers.set(file, { version, reader: new Reader(bytes) });
      });
    }
    const { categories } = this.#files;
    if (categories === null) return;
    await this.#read(categories, this.#categories?.version ?? '', (bytes, version) => {
      this.#categories = { version, lists: readCategories(bytes.toString('utf8')) };
    });
  }

  async #read(file: string, known: string, take: (bytes: Buffer, version: string) => void): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(file);
      const version = `${mtimeMs} ${size}`;
      if (version === known) return;
      take(await readFile(file), version);
      this.#log.info({ file }, 'address data was read');
    } catch (error) {
      this.#log.warn({ err: error, file }, 'address data cannot be read');
    }
  }

  #categoriesOf(ip: string): string[] {
    const found: string[] = [];
    const family = ip.includes(':') ? 'ipv6' : 'ipv4';
    for (const [category, list] of this.#categories?.lists ?? []) if (list.check(ip, family)) found.push(category);
    return found;
  }
}

/** @throws for a line that is none, with its number */
function readCategories(content: string): ReadonlyMap<string, BlockList> {
  const lists = new Map<string, BlockList>();
  for (const [index, line] of content.split('\n').entries()) {
    const words = (line.split('#')[0] ?? '').trim().split(/\s+/);
    const [category = '', range] = words;
    if (category === '') continue;
    if (range === undefined || words.length > 2 || !/^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/.test(category)) {
      throw new Error(`line ${index + 1} is not of the form: category CIDR`);
    }
    let list = lists.get(category);
    if (list === undefined) {
      list = new BlockList();
      lists.set(category, list);
    }
    if (!addToBlockList(list, range)) throw new Error(`line ${index + 1}: ${range.slice(0, 64)} is no CIDR`);
  }
  return lists;
}

type Fields = { readonly [name: string]: unknown };

/** A database of the other family has no such address. */
function lookUp(reader: Reader<never>, ip: string): unknown {
  try {
    return reader.get(ip);
  } catch {
    return null;
  }
}

function location(record: Fields, country: unknown): LocationFacts {
  const place = fields(record.location);
  const [subdivision] = Array.isArray(record.subdivisions) ? record.subdivisions : [];
  return {
    city: english(record.city),
    continent: english(record.continent),
    country: english(country),
    countryCode: text(fields(country).iso_code),
    isEu: fields(country).is_in_european_union === true,
    latitude: decimal(place.latitude),
    longitude: decimal(place.longitude),
    metroCode: decimal(place.metro_code),
    postalCode: text(fields(record.postal).code),
    radius: decimal(place.accuracy_radius),
    subdivision: english(subdivision),
    timezone: text(place.time_zone),
  };
}

function english(named: unknown): string {
  return text(fields(fields(named).names).en);
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fields(value: unknown): Fields {
  return isMap(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function decimal(value: unknown): string {
  return typeof value === 'number' ? String(value) : '';
}
