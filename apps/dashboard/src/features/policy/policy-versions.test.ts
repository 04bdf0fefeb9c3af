import { expect, it } from 'vitest';
import { readVersions } from './policy-versions.ts';

it('keeps of the changes of an endpoint those that changed its policy', () => {
  const change = (id: string, after: object | null) => ({
    id,
    created_at: '2026-11-01T00:00:00Z',
    actor: { id: 'usr_1' },
    after,
  });
  const changes = [
    change('ev_5', null),
    change('ev_4', { traffic_policy: 'b', description: 'renamed' }),
    change('ev_3', { traffic_policy: 'b' }),
    change('ev_2', { description: 'of an agent, without one' }),
    change('ev_1', { traffic_policy: 'a' }),
  ];
  const versions = readVersions({ audit_events: changes });
  expect(versions.map(({ id, policy }) => [id, policy])).toEqual([
    ['ev_3', 'b'],
    ['ev_1', 'a'],
  ]);
});
