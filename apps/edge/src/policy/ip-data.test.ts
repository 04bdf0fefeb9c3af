// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@portico/service';
import { afterAll, describe, expect, it } from 'vitest';
import { makeDatabase } from '../testing/mmdb.util.ts';
import { startPolicyEdge } from '../testing/policy-edge.util.ts';
import { IpData } from './ip-data.ts';
import { NO_POLICY_DATA, Policies } from './policies.ts';

const folder = mkdtempSync(join(tmpdir(), 'portico-ip-data-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = createLogger({ name: 'test', level: 'silent' });
const city = join(folder, 'city.mmdb');
const asn = join(folder, 'asn.mmdb');
const categories = join(folder, 'categories.txt');

const PARIS = {
  city: { names: { en: 'Paris' } },
  continent: { names: { en: 'Europe' } },
  country: { iso_code: 'FR', is_in_european_union: true, names: { en: 'France' } },
  location: { latitude: 48.85, longitude: 2.35, accuracy_radius: 20, time_zone: 'Europe/Paris' },
  postal: { code: '75001' },
  registered_country: { iso_code: 'DE', names: { en: 'Germany' } },
  subdivisions: [{ names: { en: 'Île-de-France' } }],
};

function writeAll(): void {
  writeFileSync(city, makeDatabase([['127.0.0.0/8', PARIS]]));
  const owner = { autonomous_system_number: 64_500, autonomous_system_organization: 'Example Net' };
  writeFileSync(asn, makeDatabase([['127.0.0.0/16', owner]]));
  writeFileSync(
    categories,
    '# lists of the operator\nproxy.anonymous.tor 127.0.0.1/32\nblocklist.test 10.0.0.0/8 # old\n\n',
  );
}

const open = async (databases = [city, asn], list: string | null = categories): Promise<IpData> => {
  const data = new IpData({ files: { databases, categories: list }, log });
  await data.refresh();
  return data;
};

describe('data files about addresses', () => {
  it('say where an address is, whose it is, and what it is known for', async () => {
    writeAll();
    const data = await open();
    expect(data.facts('127.0.0.1')).toEqual({
      categories: ['proxy.anonymous.tor'],
      asNumber: 64_500,
      asOrganization: 'Example Net',
      location: {
        city: 'Paris',
        continent: 'Europe',
        country: 'France',
        countryCode: 'FR',
        isEu: true,
        latitude: '48.85',
        longitude: '2.35',
        metroCode: '',
        postalCode: '75001',
        radius: '20',
        subdivision: 'Île-de-France',
        timezone: 'Europe/Paris',
      },
      registeredLocation: expect.objectContaining({ countryCode: 'DE', country: 'Germany', city: '' }),
    });
    expect(data.facts('10.1.2.3')).toMatchObject({ categories: ['blocklist.test'], location: null, asNumber: null });
    expect(data.facts('192.0.2.1')).toBeNull();
    expect(data.facts('2001:db8::1')).toBeNull();
    expect(data.facts('nonsense')).toBeNull();
    data.close();
  });

  it('are swapped when they change, and kept when they turn bad', async () => {
    writeAll();
    const data = await open();
    writeFileSync(city, makeDatabase([['127.0.0.0/8', { ...PARIS, city: { names: { en: 'Lyon' } } }]]));
    await data.refresh();
    expect(data.facts('127.0.0.1')?.location?.city).toBe('Lyon');
    writeFileSync(city, 'no database at all');
    writeFileSync(categories, 'what is this line\n');
    await data.refresh();
    expect(data.facts('127.0.0.1')).toMatchObject({ location: { city: 'Lyon' }, categories: ['proxy.anonymous.tor'] });
    data.close();
  });

  it('that are not there leave everything unknown', async () => {
    const data = await open([join(folder, 'missing.mmdb')], null);
    expect(data.facts('127.0.0.1')).toBeNull();
    data.close();
  });

  it('are what `conn.geo` and `conn.client_ip` ask', async () => {
    writeAll();
    const data = await open();
    const under = await startPolicyEdge(new Policies({ data: { ...NO_POLICY_DATA, ipFacts: (ip) => data.facts(ip) } }));
    under.use({
      on_tcp_connect: [{ expressions: ["conn.geo.country_code != 'FR'"], actions: [{ type: 'deny' }] }],
      on_http_request: [
        { expressions: ['conn.client_ip.is_on_blocklist'], actions: [{ type: 'deny' }] },
        {
          expressions: ['conn.client_ip.is_tor_node'],
          actions: [
            {
              type: 'custom-response',
              config: {
                body: "${conn.geo.city} ${conn.client_ip.as.organization} ${string(conn.client_ip.as.number)} ${conn.client_ip.geo.location.timezone} ${string(conn.client_ip == '127.0.0.1')}",
              },
            },
          ],
        },
      ],
    });
    expect((await under.visit('http')).text).toBe('Paris Example Net 64500 Europe/Paris true');
    expect((await under.visit('h2')).text).toBe('Paris Example Net 64500 Europe/Paris true');
    await under.close();
    data.close();
  });
});
