'use client';

import type { Permission } from '@portico/api-contract/identity';
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { RestClient } from '../../lib/rest/rest-client.ts';
import { mayChange } from '../../lib/roles.ts';

/** The account whose pages are shown, who looks at them, and the way to its REST API. */
export interface AccountView {
  readonly accountId: string;
  readonly role: string;
  readonly mayChange: boolean;
  /** Whether the role holds a permission of `@portico/api-contract/identity`. */
  readonly may: (permission: Permission) => boolean;
  /** Runs this installation. */
  readonly isOperator: boolean;
  readonly user: { readonly id: string; readonly email: string; readonly name: string };
  readonly csrfToken: string;
  readonly rest: RestClient;
}

const AccountContext = createContext<AccountView | null>(null);

export function useAccount(): AccountView {
  const account = useContext(AccountContext);
  if (!account) throw new Error('useAccount outside of AccountProvider');
  return account;
}

export interface AccountProviderProps {
  readonly accountId: string;
  readonly role: string;
  readonly permissions: readonly string[];
  readonly isOperator: boolean;
  readonly userId: string;
  readonly userEmail: string;
  readonly userName: string;
  readonly csrfToken: string;
  readonly children: ReactNode;
}

export function AccountProvider(props: AccountProviderProps) {
  const { accountId, role, permissions, isOperator, userId, userEmail, userName, csrfToken, children } = props;
  const view = useMemo(
    () => ({
      accountId,
      role,
      mayChange: mayChange(role),
      may: (permission: Permission) => permissions.includes(permission),
      isOperator,
      user: { id: userId, email: userEmail, name: userName },
      csrfToken,
      rest: new RestClient({ accountId, csrfToken }),
    }),
    [accountId, role, permissions, isOperator, userId, userEmail, userName, csrfToken],
  );
  return <AccountContext value={view}>{children}</AccountContext>;
}
