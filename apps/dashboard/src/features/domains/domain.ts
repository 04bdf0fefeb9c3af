import { flag, list, nullable, object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { both, type CommonRecord, readCommon } from '../records/common-fields.tsx';

/** A name that the account keeps, as `/reserved_domains` shows it. */
export interface Domain extends CommonRecord {
  readonly domain: string;
  readonly cnameTarget: string | null;
  readonly acmeTarget: string | null;
  readonly certificateId: string | null;
  /** Certificates are obtained and renewed by the server; null: they are not. */
  readonly management: { readonly authority: string; readonly keyType: string } | null;
  readonly renewsAt: string | null;
  readonly job: CertificateJob | null;
  /** Null for names under the base domain, which need no proof. */
  readonly dns: DnsStatus | null;
}

export interface CertificateJob {
  readonly errorCode: string | null;
  readonly message: string;
  readonly startedAt: string;
  readonly retriesAt: string | null;
}

export interface DnsStatus {
  readonly provenAt: string | null;
  readonly unprovenSince: string | null;
  readonly checkedAt: string | null;
  readonly txtName: string;
  readonly txtValue: string;
  readonly proof: 'cname' | 'txt' | null;
  readonly routing: 'cname' | 'address' | 'elsewhere' | 'none' | null;
  /** Whether `_acme-challenge` leads to this server. */
  readonly acme: boolean;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
}

const rawJob = object({
  error_code: nullable(text),
  msg: text,
  started_at: text,
  retries_at: nullable(text),
});
const rawDns = object({
  proven_at: nullable(text),
  unproven_since: nullable(text),
  checked_at: nullable(text),
  txt_name: text,
  txt_value: text,
  proof: nullable(oneOf('cname', 'txt')),
  routing: nullable(oneOf('cname', 'address', 'elsewhere', 'none')),
  acme: flag,
  aliases: list(text),
  addresses: list(text),
});
const raw = object({
  domain: text,
  cname_target: nullable(text),
  acme_challenge_cname_target: nullable(text),
  certificate: nullable(object({ id: text })),
  certificate_management_policy: nullable(object({ authority: text, private_key_type: text })),
  certificate_management_status: nullable(object({ renews_at: nullable(text), provisioning_job: nullable(rawJob) })),
  dns_status: nullable(rawDns),
});

export const readDomain: Reader<Domain> = both(readCommon, (value) => {
  const fields = raw(value);
  const status = fields.certificate_management_status;
  const job = status?.provisioning_job ?? null;
  const policy = fields.certificate_management_policy;
  const dns = fields.dns_status;
  return {
    domain: fields.domain,
    cnameTarget: fields.cname_target,
    acmeTarget: fields.acme_challenge_cname_target,
    certificateId: fields.certificate?.id ?? null,
    management: policy === null ? null : { authority: policy.authority, keyType: policy.private_key_type },
    renewsAt: status?.renews_at ?? null,
    job:
      job === null
        ? null
        : { errorCode: job.error_code, message: job.msg, startedAt: job.started_at, retriesAt: job.retries_at },
    dns:
      dns === null
        ? null
        : {
            provenAt: dns.proven_at,
            unprovenSince: dns.unproven_since,
            checkedAt: dns.checked_at,
            txtName: dns.txt_name,
            txtValue: dns.txt_value,
            proof: dns.proof,
            routing: dns.routing,
            acme: dns.acme,
            aliases: dns.aliases,
            addresses: dns.addresses,
          },
  };
});

export type StepTone = 'works' | 'waiting' | 'fails' | 'idle';

/** How far one of the three steps from a name to its first visitor is. */
export interface Step {
  readonly tone: StepTone;
  readonly says: string;
}

/** Whether the account has the name, and whether its visitors come here. */
export function dnsStep({ dns, domain }: Pick<Domain, 'dns' | 'domain'>): Step {
  if (dns === null) return { tone: 'works', says: 'Nothing to set: it lies under the base domain' };
  if (dns.provenAt === null)
    return { tone: 'waiting', says: dns.checkedAt === null ? 'Not looked at yet' : 'Waiting for your record' };
  if (dns.unprovenSince !== null) return { tone: 'fails', says: 'The record is gone; after a week so is the name' };
  switch (dns.routing) {
    case 'elsewhere':
      return { tone: 'waiting', says: `${domain} is yours, and leads elsewhere` };
    case 'none':
      return { tone: 'waiting', says: `${domain} is yours, and leads nowhere` };
    default:
      return { tone: 'works', says: dns.proof === 'txt' ? 'Proven by the TXT record' : 'Leads here' };
  }
}

export function certificateStep(record: Pick<Domain, 'dns' | 'certificateId' | 'management' | 'job'>): Step {
  const { dns, certificateId, management, job } = record;
  if (management === null) {
    if (certificateId !== null) return { tone: 'works', says: 'Your own is attached' };
    return { tone: 'works', says: 'Made by this installation' };
  }
  if (job?.errorCode) {
    return {
      tone: certificateId === null ? 'fails' : 'waiting',
      says: certificateId === null ? 'Not issued' : 'Not renewed',
    };
  }
  if (certificateId !== null) return { tone: 'works', says: 'Issued, renews by itself' };
  if (dns !== null && dns.provenAt === null) return { tone: 'idle', says: 'Starts by itself after that' };
  return { tone: 'waiting', says: 'Being issued' };
}

/** One word or two for the list: the first step that is not done yet. */
export function domainState(record: Domain, isOnline: boolean): Step {
  const dns = dnsStep(record);
  if (dns.tone === 'fails') return { tone: 'fails', says: 'Record gone' };
  if (dns.tone === 'waiting') return { tone: 'waiting', says: 'Waiting for DNS' };
  const certificate = certificateStep(record);
  if (certificate.tone === 'fails') return { tone: 'fails', says: 'No certificate' };
  if (certificate.tone === 'waiting') return { tone: 'waiting', says: certificate.says };
  return isOnline ? { tone: 'works', says: 'online' } : { tone: 'idle', says: 'offline' };
}

/** A record that DNS has to have, and what stands there now. */
export interface WantedRecord {
  readonly type: 'CNAME' | 'TXT';
  readonly name: string;
  readonly value: string;
  readonly why: string;
  readonly isThere: boolean;
  /** False where another record does as well. */
  readonly isNeeded: boolean;
  /** What is seen now, for people. */
  readonly seen: readonly string[];
  readonly advice: string;
}

export function wantedRecords(record: Domain): readonly WantedRecord[] {
  const { dns, domain, cnameTarget, acmeTarget, management } = record;
  if (dns === null || cnameTarget === null) return [];
  const apex = domain.replace(/^\*\./, '');
  const isWildcard = apex !== domain;
  const records: WantedRecord[] = [
    {
      type: 'CNAME',
      name: domain,
      value: cnameTarget,
      why: isWildcard
        ? 'Proves all names under it and brings their visitors here'
        : 'Proves the name and brings its visitors here',
      isThere: dns.routing === 'cname',
      isNeeded: dns.proof !== 'txt' || dns.routing !== 'address',
      ...seenOf(dns),
    },
    {
      type: 'TXT',
      name: dns.txtName,
      value: dns.txtValue,
      why: 'Proves the name where a CNAME cannot stand: at the top of a zone, or behind a CDN',
      isThere: dns.proof === 'txt',
      isNeeded: false,
      seen: dns.proof === 'txt' ? [dns.txtValue] : [],
      advice: dns.proof === 'txt' ? '' : dns.proof === 'cname' ? 'Not needed: the CNAME proves it.' : 'Not there.',
    },
  ];
  if (acmeTarget !== null && management !== null && isWildcard) {
    records.push({
      type: 'CNAME',
      name: `_acme-challenge.${apex}`,
      value: acmeTarget,
      why: 'Lets certificates for all names under it be obtained',
      isThere: dns.acme,
      isNeeded: true,
      seen: dns.acme ? [acmeTarget] : [],
      advice: dns.acme ? '' : 'Not there, so no certificate can be issued for a wildcard.',
    });
  }
  return records;
}

function seenOf({ routing, aliases, addresses, checkedAt }: DnsStatus): Pick<WantedRecord, 'seen' | 'advice'> {
  const seen = [
    ...aliases.map((name) => `CNAME ${name}`),
    ...addresses.map((address) => `${address.includes(':') ? 'AAAA' : 'A'} ${address}`),
  ];
  if (checkedAt === null) return { seen: [], advice: 'Not looked at yet.' };
  switch (routing) {
    case 'cname':
      return { seen: seen.slice(0, 1), advice: '' };
    case 'address':
      return { seen, advice: 'The addresses of this server: visitors arrive.' };
    case 'elsewhere':
      return {
        seen,
        advice: 'This is in the way: delete it, then add ours. A CDN in front may stay, with the TXT record.',
      };
    default:
      return { seen, advice: 'No record yet.' };
  }
}

/** As a zone file has it. */
export function zoneLine({ type, name, value }: Pick<WantedRecord, 'type' | 'name' | 'value'>): string {
  return `${name}. 300 IN ${type} ${type === 'TXT' ? `"${value}"` : `${value}.`}`;
}

/** Whether an endpoint's URL lies on the domain. */
export function isOn(domain: string, url: string): boolean {
  const host = /^\w+:\/\/([^/:]+)/.exec(url)?.[1] ?? '';
  return host === domain || (domain.startsWith('*.') && host.endsWith(domain.slice(1)));
}
