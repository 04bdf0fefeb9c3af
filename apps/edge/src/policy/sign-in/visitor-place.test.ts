import type { IpFacts, LocationFacts } from '@portico/traffic-policy';
import { describe, expect, it } from 'vitest';
import { visitorPlace } from './visitor-place.ts';

const hamburg: LocationFacts = {
  city: 'Hamburg',
  continent: 'EU',
  country: 'Germany',
  countryCode: 'DE',
  isEu: true,
  latitude: '53.55',
  longitude: '9.99',
  metroCode: '',
  postalCode: '20095',
  radius: '20',
  subdivision: 'HH',
  timezone: 'Europe/Berlin',
};
const facts: IpFacts = {
  categories: [],
  asNumber: null,
  asOrganization: null,
  location: hamburg,
  registeredLocation: null,
};

describe('where a visitor signed in', () => {
  it('is told by country and coordinates, and not by postal code', () => {
    expect(visitorPlace(facts)).toEqual({ countryCode: 'DE', latitude: 53.55, longitude: 9.99, radiusKm: 20 });
  });

  it('is where the network is registered when nothing better is known', () => {
    const registered = { ...facts, location: null, registeredLocation: { ...hamburg, latitude: '', longitude: 'x' } };
    expect(visitorPlace(registered)).toEqual({ countryCode: 'DE', latitude: null, longitude: null, radiusKm: 20 });
  });

  it('is not told where the data files do not say', () => {
    expect(visitorPlace(null)).toBeNull();
    expect(visitorPlace({ ...facts, location: null })).toBeNull();
  });
});
