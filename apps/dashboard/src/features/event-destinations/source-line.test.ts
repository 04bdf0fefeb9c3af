import { describe, expect, it } from 'vitest';
import { sourceLine, sourceOf } from './source-line.ts';

describe('a source as a line', () => {
  it.each([
    { type: 'endpoint_start.v0', filter: '', fields: [] },
    { type: 'http_request_complete.v0', filter: 'ev.http.response.status_code >= 500', fields: ['endpoint_id'] },
    { type: 'http_request_complete.v0', filter: 'ev.http.request.url.path == "/a where b"', fields: [] },
  ])('is written as it is read: $type $filter', (source) => {
    expect(sourceOf(sourceLine(source), [source])).toEqual(source);
  });

  it('of another type does not take over the fields', () => {
    const kept = [{ type: 'http_request_complete.v0', filter: '', fields: ['endpoint_id'] }];
    expect(sourceOf('tcp_connection_closed.v0', kept).fields).toEqual([]);
  });
});
