import { field, list, nullable, object, type Reader, text } from '../../lib/shape.ts';

/** A policy that an endpoint had, from the log of changes. */
export interface PolicyVersion {
  readonly id: string;
  readonly at: string;
  /** `usr_…` or `service_…`; null: a key that nobody owns. */
  readonly by: string | null;
  readonly policy: string;
}

const event = object({
  id: text,
  created_at: text,
  actor: object({ id: nullable(text) }),
  after: nullable((value): string | null => {
    try {
      return field('traffic_policy', text)(value);
    } catch {
      return null;
    }
  }),
});

/** Of the changes of one endpoint, newest first, those that changed its policy. */
export const readVersions: Reader<readonly PolicyVersion[]> = (value) => {
  const changes = field(
    'audit_events',
    list(event),
  )(value).flatMap(({ id, created_at: at, actor, after }) =>
    after === null ? [] : [{ id, at, by: actor.id, policy: after }],
  );
  return changes.filter(({ policy }, at) => policy !== changes[at + 1]?.policy);
};
