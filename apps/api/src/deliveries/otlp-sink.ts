import type { Outgoing } from '@portico/outgoing';
import type { Envelope } from './envelope.ts';
import { sendAndCheck } from './http-answer.ts';
import type { Sink } from './sink.ts';

/** OpenTelemetry log records in OTLP/HTTP's JSON form, POSTed to a collector's `/v1/logs`. */
export class OtlpSink implements Sink {
  readonly batchMax = 200;
  readonly #outgoing: Outgoing;
  readonly #target: OtlpTarget;

  constructor(outgoing: Outgoing, target: OtlpTarget) {
    this.#outgoing = outgoing;
    this.#target = target;
  }

  async send(events: readonly Envelope[], signal: AbortSignal): Promise<void> {
    const { url, headers } = this.#target;
    await sendAndCheck(this.#outgoing, url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(otlpLogs(events)),
      signal,
    });
  }

  close(): void {}
}

export interface OtlpTarget {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | null | undefined;
}

const INFO = 9;

/** ExportLogsServiceRequest: times are nanoseconds as text. */
export function otlpLogs(events: readonly Envelope[]): object {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  return {
    resourceLogs: [
      {
        resource: { attributes: [text('service.name', 'portico')] },
        scopeLogs: [
          {
            scope: { name: 'portico.events' },
            logRecords: events.map((event) => ({
              timeUnixNano: `${Date.parse(event.event_timestamp)}000000`,
              observedTimeUnixNano: `${Date.parse(event.event_timestamp)}000000`,
              severityNumber: INFO,
              severityText: 'INFO',
              body: { stringValue: JSON.stringify(event) },
              attributes: [
                text('event.name', event.event_type),
                text('event.id', event.event_id),
                text('account.id', event.account_id),
              ],
            })),
          },
        ],
      },
    ],
  };
}
