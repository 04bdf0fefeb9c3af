import { loadPolicy } from '@portico/traffic-policy/validate';
import { expect, it } from 'vitest';
import { starters } from './starters.ts';

it.each(starters.map((starter) => [starter.label, starter] as const))(
  'the policy that %s can be published',
  (_, { policy }) => {
    expect(loadPolicy(policy, { kind: 'cloud', protocol: 'https', internal: false })).toMatchObject({ kind: 'loaded' });
  },
);
