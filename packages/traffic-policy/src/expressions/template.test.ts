// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { describe, expect, it } from 'vitest';
import { request, scope } from '../testing/contexts.ts';
import { compileTemplate, Template } from './template.ts';

const place = { field: 'body', action: 'custom-response' };

function fill(source: string): string {
  const compiled = compileTemplate(source, 'on_http_request', place);
  if (!(compiled instanceof Template)) throw new Error(compiled.reason);
  return compiled.text(scope('on_http_request', { request: request({ fields: ['a', 'b"c', 'x', 'y'] }) }));
}

describe('quotes in a template', () => {
  it.each([
    ['as CEL has them', `\${req.headers["x"][0]}`, 'y'],
    // Between single quotes YAML leaves the backslashes of \" where they are.
    ['with backslashes in front', String.raw`\${req.headers[\"x\"][0]}`.replace('\\$', '$'), 'y'],
    [
      'with backslashes, and text around',
      String.raw`<a href=\"$\{req.headers[\"x\"][0]}\">`.replace('$\\{', '${'),
      String.raw`<a href=\"y\">`,
    ],
    [
      'with backslashes, twice',
      '${req.headers[\\"x\\"][0]}-${req.headers[\\"x\\"].size() > 0 ? \\"}\\" : \\"\\"}!',
      'y-}!',
    ],
    ['that are escaped inside a text', `\${"say \\"hi\\""}`, 'say "hi"'],
  ])('%s', (_what, source, text) => {
    expect(fill(source)).toBe(text);
  });

  it('does not make sense of what has none', () => {
    const refused = compileTemplate('a ${req.headers[\\"x\\"] b', 'on_http_request', place);
    expect(refused).toMatchObject({ kind: 'refused', reason: 'the ${ is never closed', offset: 2 });
    expect(compileTemplate('${req.nope[\\"x\\"]}', 'on_http_request', place)).toMatchObject({ kind: 'refused' });
  });
});
