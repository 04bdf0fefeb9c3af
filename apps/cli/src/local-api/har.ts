import { type Capture, type CapturedMessage, fieldOf } from '@portico/agent';

/** HTTP Archive 1.2 of the captures, oldest first. Bodies that were cut off say so in a comment. */
export function harOf(captures: readonly Capture[], version: string): object {
  return {
    log: {
      version: '1.2',
      creator: { name: 'portico', version },
      entries: [...captures].sort((a, b) => a.seq - b.seq).map(entryOf),
    },
  };
}

function entryOf(capture: Capture): object {
  const { request, response } = capture;
  const host = fieldOf(request.fields, 'host') ?? 'localhost';
  const proto = fieldOf(request.fields, 'x-forwarded-proto') ?? 'http';
  const url = `${proto}://${host}${request.target}`;
  const timeMs = capture.durationMs ?? 0;
  return {
    startedDateTime: capture.startedAt.toISOString(),
    time: timeMs,
    request: {
      method: request.method,
      url,
      httpVersion: `HTTP/1.${request.minor}`,
      cookies: [],
      headers: pairsOf(request.fields),
      queryString: [...(URL.parse(url)?.searchParams ?? [])].map(([name, value]) => ({ name, value })),
      headersSize: -1,
      bodySize: request.bodyBytes,
      ...(request.bodyBytes === 0
        ? {}
        : { postData: { mimeType: fieldOf(request.fields, 'content-type') ?? '', ...textOf(request) } }),
    },
    response: {
      status: response?.status ?? 0,
      statusText: response?.reason ?? capture.failure ?? '',
      httpVersion: `HTTP/1.${response?.minor ?? 1}`,
      cookies: [],
      headers: response === null ? [] : pairsOf(response.fields),
      content: {
        size: response?.bodyBytes ?? 0,
        mimeType: response === null ? '' : (fieldOf(response.fields, 'content-type') ?? ''),
        ...(response === null ? {} : textOf(response)),
      },
      redirectURL: response === null ? '' : (fieldOf(response.fields, 'location') ?? ''),
      headersSize: -1,
      bodySize: response?.bodyBytes ?? -1,
    },
    cache: {},
    timings: { send: 0, wait: timeMs, receive: 0 },
    _id: capture.id,
    _endpoint: capture.endpoint,
  };
}

function pairsOf(fields: readonly string[]): { name: string; value: string }[] {
  const pairs: { name: string; value: string }[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) pairs.push({ name: fields[i] ?? '', value: fields[i + 1] ?? '' });
  return pairs;
}

function textOf(message: CapturedMessage): object {
  const { body, isTruncated } = message;
  const text = body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body);
  return {
    ...(isText ? { text } : { text: body.toString('base64'), encoding: 'base64' }),
    ...(isTruncated ? { comment: `cut off after ${body.length} bytes` } : {}),
  };
}
