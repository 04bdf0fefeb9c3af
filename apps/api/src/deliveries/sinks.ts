import { join } from 'node:path';
import { type EventTarget, eventTarget } from '@portico/api-contract/public';
import type { EventDestinationRow } from '@portico/db';
import type { AddressGuard, Outgoing, Resolver } from '@portico/outgoing';
import type { Seals } from '../secrets/seals.ts';
import { FileSink } from './file-sink.ts';
import { OtlpSink } from './otlp-sink.ts';
import { S3Sink } from './s3-sink.ts';
import { DeliveryError, type Sink } from './sink.ts';
import { SyslogSink } from './syslog-sink.ts';
import { WebhookSink } from './webhook-sink.ts';

/** The way out to a destination, with its secrets opened. */
export type EventSinks = (row: EventDestinationRow) => Sink;

/** What sinks reach the world with: only where `reliability.md` T5 lets them. */
export interface SinkTools {
  readonly outgoing: Outgoing;
  readonly guard: AddressGuard;
  readonly resolver?: Resolver;
  readonly ca?: readonly string[];
  /** Under it each account has a folder. */
  readonly filesFolder: string;
  now(): Date;
}

/** Opens sealed targets. */
export function eventSinks(seals: Seals, tools: SinkTools): EventSinks {
  return (row) => {
    const target = eventTarget.parse(JSON.parse(seals.open('event_destination', row.id, row.sealedTarget)));
    return makeSink(target, row.accountId, tools);
  };
}

/** The sink of a target. Kinds that only their vendor's cloud has are kept, and say that nothing is sent there. */
export function makeSink(target: EventTarget, accountId: string, tools: SinkTools): Sink {
  const { webhook, otlp, s3, file, syslog } = target;
  if (webhook) return new WebhookSink(tools.outgoing, webhook, tools.now);
  if (otlp) return new OtlpSink(tools.outgoing, otlp);
  if (s3) return new S3Sink(tools.outgoing, s3);
  if (file) return new FileSink(join(tools.filesFolder, accountId), file.path);
  if (syslog) {
    const { guard, resolver, ca } = tools;
    return new SyslogSink(syslog, {
      guard,
      ...(resolver === undefined ? {} : { resolve: resolver }),
      ...(ca === undefined ? {} : { ca }),
    });
  }
  const kind = Object.entries(target).find(([, part]) => part !== null && part !== undefined)?.[0] ?? 'this kind';
  return {
    batchMax: 500,
    send: () => Promise.reject(new DeliveryError('rejected', `this server sends nothing to ${kind}`)),
    close: () => {},
  };
}
