import { describe, expect, it } from 'vitest';
import { isSnsCertificateUrl, parseSnsMessage, type SnsMessage, verifySnsMessage } from './sns.ts';

const CERTIFICATE = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-abc.pem';
const NOW = Date.parse('2026-11-20T12:00:00.000Z');

/**
 * A certificate of an RSA key made once with openssl and thrown away, and what that key signed: name and value of each
 * field on lines of their own, in the order of the names, as the documentation of SNS words it.
 */
const PEM = `-----BEGIN CERTIFICATE-----
MIIDGzCCAgOgAwIBAgIUcRCOqpR+opukAN5yF7TgMMItRV0wDQYJKoZIhvcNAQEL
BQAwHDEaMBgGA1UEAwwRc25zLmFtYXpvbmF3cy5jb20wIBcNMjYxMTIxMTUxMTM2
WhgPMjEyNjEwMjgxNTExMzZaMBwxGjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29t
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0AiKpgSZ5b4XuwbzHEvj
cL6KAcxP4vHdgB11ZsyH0OF/drV/ncvygfXPmebhedo1ZHfT4d6AhaDCMoas0KBy
4riAiCGHu6O98Dw6PM9uAB5mj9tyrgcLQuoFNXFEKrYx5khaDzaXQy56QEHXPi+h
FigAnKTYHYW8hjmTwi+7SmbSlnHQ2vmeU2BEAEceAW6e0sO/QGrVjmj/O5u/XQqS
2h9s2/Jok5m0MJXfHu/ooQHxE6faVAWyIJQundgb7X6E+agk/q1EhThsyr1uSfJR
5DhHpnP9AFGw3RTenxt4Qj0AKF7WMFzArNajAb+I3DlJJnoK3sFb6gsI6oyL4dcx
uwIDAQABo1MwUTAdBgNVHQ4EFgQUwDMjRKsJ+OssQco52jD5eFyzPrMwHwYDVR0j
BBgwFoAUwDMjRKsJ+OssQco52jD5eFyzPrMwDwYDVR0TAQH/BAUwAwEB/zANBgkq
hkiG9w0BAQsFAAOCAQEAmMhLA4SdAre42XQaMNloWG/5nLMEq+SQzFjt42vkasYb
4Ipaij+wWNUxZqoATXdg45qde/k59hu9FvuYGWOa6AHCqeyv8cklP8GBj817jwGr
+9NM3fpTnfKzGQB8O3seABJFhb4sHTT4SuUNIc7f8TZq2y6uvcAIG45EVK1aEO4R
F4uhoTfdNqpXSnut1ufA1Wcg2LQvheVBk8ZFORXGGwgPUBrobp3nOVwNADmHS+yR
8T85jRZolXyJXw23BsBEIAsisBPJGuBK5bm/o+7XtJlpRlWbCAv1dED3hXYTPwid
u12k2iS+4BNB/em/jTqRCz1ZCZTdAmR8Kd3fYoMr8g==
-----END CERTIFICATE-----`;
const SIGNATURES: Readonly<Record<string, string>> = {
  '1': 'pLtxkrNc/0bQrmMpZ3wLOPaZFfe0X3aExzIJzGpDLPty+cJOG8Rq60+Ysy6lcQs3Z46dUUTlrpSzyhaYuwHdTol21wAwKLhAEiOwyZDou9xKK/Ec5qQOjb9Gnb6yT2a3kcLz+sb5OFlsgzjybW0T5aPhXmY8H9EU/GPH1jTretQMU8R3rsidL9yQwMN8LmC/8RKjsrUU/SKX35FMIs2QOwYqHoO50svzVF7EBGFaCkDWO2VC4TVsAui36SYpEFDufVoRB+vkBDrK48IOoQrC+u9FhgJSV6Rnbv6H7MkopQyCXHvg517ZVMRIPh65QOb/yEpEocvwSTiKBsP3xWg9Dw==',
  '2': 'SvsBkpUswIN58q1vOGFIdiAl4R/HU2OYA50T3cwkzPEN2PS+GgyiPOyblCvdy15QC418qGVIr3nX7FW9z0kFyZZxctpxOH8yQ4WJRvS+8aFiXCH967bK8vxS5BQAZWpkbHMd0Vbt6rzudpOYARhs4NhF9UgOm2hSYtfeTkp3xUcfkgztQcQFKnEfzPsyfcV8FHYsefEzFJQbYD518Q7WZgLAW2PfNq1Tf33pFWz+yb+dgUlIjcWoS8svtBbuO6/iesIDd0tfDmUwMdLw8ON40e4iSenWFA5COV+uTvJkercb9E8fBTGWsFaZAfiL5f25Ec5GeJoPm2bjxuno2Fyg1Q==',
};

function message(changes: Readonly<Record<string, string>> = {}, version = '1'): SnsMessage {
  const fields = {
    Type: 'Notification',
    MessageId: 'm1',
    TopicArn: 'arn:aws:sns:eu-central-1:1:t',
    Subject: 'hello',
    Message: 'a\nb',
    Timestamp: '2026-11-20T11:59:00.000Z',
    SignatureVersion: version,
    Signature: SIGNATURES[version] ?? '',
    SigningCertURL: CERTIFICATE,
  };
  const parsed = parseSnsMessage(Buffer.from(JSON.stringify({ ...fields, ...changes })));
  if ('reason' in parsed) throw new Error(parsed.reason);
  return parsed;
}

describe('a message of SNS', () => {
  it.each(['1', '2'])('is verified with its certificate, signature version %s', (version) => {
    expect(verifySnsMessage(message({}, version), PEM, NOW)).toEqual({ verified: true });
  });

  it('is refused when it was changed, is old, or its certificate is none', () => {
    expect(verifySnsMessage(message({ Message: 'c' }), PEM, NOW).verified).toBe(false);
    expect(verifySnsMessage(message({ Subject: 'x' }), PEM, NOW).verified).toBe(false);
    expect(verifySnsMessage(message(), PEM, NOW + 7_200_000)).toMatchObject({ reason: /old/ });
    expect(verifySnsMessage(message(), 'x', NOW)).toMatchObject({ reason: /certificate/ });
  });

  it.each([
    'http://sns.eu-central-1.amazonaws.com/a.pem',
    'https://sns.eu-central-1.amazonaws.com.evil.example/a.pem',
    'https://evil.example/sns.eu-central-1.amazonaws.com/a.pem',
    'https://sns.eu-central-1.amazonaws.com@evil.example/a.pem',
    'https://s3.amazonaws.com/bucket/a.pem',
    'https://sns.eu-central-1.amazonaws.com:8443/a.pem',
    'https://sns.eu-central-1.amazonaws.com/a.txt',
    'x',
  ])('never brings a certificate from %s', (url) => {
    expect(isSnsCertificateUrl(url)).toBe(false);
    expect(() => message({ SigningCertURL: url })).toThrow(/not one of SNS/);
  });

  it.each(['', '[]', '{}', '{"Type":"Other"}', 'null'])('that is %j is none', (body) => {
    expect(parseSnsMessage(Buffer.from(body))).toHaveProperty('reason');
  });
});
