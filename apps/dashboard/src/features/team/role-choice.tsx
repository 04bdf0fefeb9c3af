import { roleAbout, roleName } from '../../lib/roles.ts';

/** Roles to choose from, one sentence each. */
export function RoleChoice({
  roles,
  value,
  onChange,
}: {
  roles: readonly string[];
  value: string;
  onChange: (role: string) => void;
}) {
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1.5 font-button">Role</legend>
      {roles.map((role) => (
        <label key={role} className="flex items-start gap-2.5 max-sm:min-h-11">
          <input
            type="radio"
            name="role"
            value={role}
            checked={value === role}
            onChange={() => onChange(role)}
            className="mt-[3px] size-[15px] shrink-0 accent-lapis max-sm:size-5"
          />
          <span>
            <span className="block font-button">{roleName(role)}</span>
            <span className="block text-meta text-ink-3">{roleAbout(role)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
