import { type Outgoing, type OutgoingAnswer, OutgoingError, type OutgoingRequest } from '@portico/outgoing';
import { DeliveryError } from './sink.ts';

const shownMax = 200;

/** A request that is done when it is answered by 2xx. Throws DeliveryError. */
export async function sendAndCheck(outgoing: Outgoing, url: string, request: OutgoingRequest): Promise<OutgoingAnswer> {
  let answer: OutgoingAnswer;
  try {
    answer = await outgoing.send(url, { ...request, maxBytes: 65_536 });
  } catch (error) {
    if (error instanceof OutgoingError) throw new DeliveryError('failed', error.message, { cause: error });
    throw error;
  }
  const { status, body } = answer;
  if (status >= 200 && status < 300) return answer;
  const said = printable(body.toString('utf8').slice(0, shownMax));
  const message = `${new URL(url).host} answers ${status}${said === '' ? '' : `: ${said}`}`;
  // Told to come back later, not known, not allowed in: that passes when somebody mends it.
  const passes = status < 400 || status >= 500 || [401, 403, 404, 407, 408, 425, 429].includes(status);
  throw new DeliveryError(passes ? 'failed' : 'rejected', message);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').trim();
}
