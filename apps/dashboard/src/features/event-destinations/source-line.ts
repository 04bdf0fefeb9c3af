import { list, object, type Reader, text } from '../../lib/shape.ts';

/** One kind of event that a subscription wants; the filter and the fields are of events of traffic only. */
export interface Source {
  readonly type: string;
  readonly filter: string;
  readonly fields: readonly string[];
}

/** `http_request_complete.v0 where ev.http.response.status_code >= 500` */
export function sourceLine({ type, filter }: Pick<Source, 'type' | 'filter'>): string {
  return filter === '' ? type : `${type} where ${filter.replaceAll(/\s+/g, ' ')}`;
}

/** The other way; fields that were chosen for the same type before stay chosen. */
export function sourceOf(line: string, kept: readonly Source[]): Source {
  const [, type = line, filter = ''] = /^(\S+)\s+where\s+(.+)$/.exec(line) ?? [];
  return { type, filter, fields: kept.find((source) => source.type === type)?.fields ?? [] };
}

const source: Reader<Source> = object({ type: text, filter: text, fields: list(text) });

/** A source that a form carried along as text. */
export function readKept(json: string): Source {
  return source(JSON.parse(json));
}
