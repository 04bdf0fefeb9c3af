/** What somebody pasted into the palette, and where it leads under the account. */
export interface Pasted {
  readonly label: string;
  readonly page: string;
}

interface Known {
  readonly id: string;
  readonly url: string;
}

const requestId = /^(req|ex)_[0-9A-Za-z]{20,40}$/;
const errorName = /^(?:ERR_NGROK_)(\d{1,5})$/i;

/** A URL leads to its endpoint, the id of a request to that request, the name of an error to where it happened. */
export function pastedThing(text: string, endpoints: readonly Known[]): Pasted | null {
  const trimmed = text.trim();
  if (requestId.test(trimmed)) return { label: `Open the request ${trimmed}`, page: `inspector/${trimmed}` };
  const [, code] = errorName.exec(trimmed) ?? [];
  if (code !== undefined)
    return {
      label: `Requests that ended with ERR_NGROK_${code}`,
      page: `inspector?q=${encodeURIComponent(`code:${code}`)}`,
    };
  if (!/^(https?|tls|tcp):\/\//i.test(trimmed)) return null;
  const url = URL.parse(trimmed);
  const known = endpoints.find((endpoint) => {
    const own = URL.parse(endpoint.url);
    return url !== null && own !== null && own.protocol === url.protocol && own.host === url.host;
  });
  return known === undefined || url === null
    ? null
    : { label: `Requests of ${known.url}`, page: `inspector?q=${encodeURIComponent(`endpoint:${url.hostname}`)}` };
}
