import type { VisitorPlace } from '@portico/api-contract/internal';
import type { IpFacts } from '@portico/traffic-policy';

/** What the owner of an endpoint is shown of where a visitor signed in; null where the data files do not say. */
export function visitorPlace(facts: IpFacts | null): VisitorPlace | null {
  const location = facts?.location ?? facts?.registeredLocation ?? null;
  if (location === null) return null;
  return {
    countryCode: location.countryCode.slice(0, 8),
    latitude: within(location.latitude, -90, 90),
    longitude: within(location.longitude, -180, 180),
    radiusKm: within(location.radius, 0, 30_000),
  };
}

function within(text: string, min: number, max: number): number | null {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return value >= min && value <= max ? value : null;
}
