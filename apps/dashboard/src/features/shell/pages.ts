import type { Permission } from '@portico/api-contract/identity';
import {
  Bot,
  Cable,
  ChartColumn,
  ContactRound,
  Fingerprint,
  Globe,
  KeyRound,
  Laptop,
  LayoutDashboard,
  ListTree,
  type LucideIcon,
  Network,
  Plug,
  ScanSearch,
  ScrollText,
  Send,
  ServerCog,
  ShieldCheck,
  Sparkles,
  SquareCode,
  Users,
  Vault,
  Waypoints,
} from 'lucide-react';

export interface PageLink {
  readonly label: string;
  /** Under `/a/<account>/`. */
  readonly path: string;
  readonly Icon: LucideIcon;
  /** What of the live overview is counted beside it. */
  readonly counts?: 'endpoints' | 'agents';
  /** In the bar at the bottom of small screens; the others are under More. */
  readonly isInBar?: boolean;
  /** Absent for who does not hold it. */
  readonly needs?: Permission;
  /** Absent for who does not run this installation. */
  readonly isForOperators?: true;
}

export interface PageGroup {
  readonly name: string;
  readonly pages: readonly PageLink[];
}

/** The map of the dashboard: what exists, and nothing else. */
export const pageGroups: readonly PageGroup[] = [
  {
    name: 'Traffic',
    pages: [
      { label: 'Getting started', path: 'start', Icon: Sparkles, needs: 'resources.write' },
      { label: 'Overview', path: 'overview', Icon: LayoutDashboard, isInBar: true },
      { label: 'Endpoints', path: 'endpoints', Icon: Waypoints, counts: 'endpoints', isInBar: true },
      { label: 'Inspector', path: 'inspector', Icon: ScanSearch, isInBar: true },
      { label: 'Agents', path: 'agents', Icon: Laptop, counts: 'agents' },
      { label: 'Connect', path: 'connect', Icon: Plug },
    ],
  },
  {
    name: 'Names',
    pages: [
      { label: 'Domains', path: 'domains', Icon: Globe },
      { label: 'TCP addresses', path: 'tcp-addresses', Icon: Cable },
      { label: 'Certificates', path: 'certificates', Icon: ShieldCheck },
    ],
  },
  {
    name: 'Rules',
    pages: [
      { label: 'Policy', path: 'policy', Icon: ListTree },
      { label: 'IP policies', path: 'ip-policies', Icon: Network },
      { label: 'Vaults', path: 'vaults', Icon: Vault },
      { label: 'Identities', path: 'identities', Icon: ContactRound },
    ],
  },
  {
    name: 'Access',
    pages: [
      { label: 'Authtokens', path: 'authtokens', Icon: KeyRound },
      { label: 'API keys', path: 'api-keys', Icon: SquareCode, needs: 'keys.manage' },
      { label: 'Personal tokens', path: 'personal-tokens', Icon: Fingerprint },
      { label: 'Service users', path: 'service-users', Icon: Bot },
      { label: 'Team', path: 'team', Icon: Users, needs: 'team.read' },
    ],
  },
  {
    name: 'Records',
    pages: [
      { label: 'Usage', path: 'usage', Icon: ChartColumn },
      { label: 'Audit log', path: 'audit', Icon: ScrollText, needs: 'audit.read' },
      { label: 'Event destinations', path: 'event-destinations', Icon: Send },
    ],
  },
  {
    name: 'Installation',
    pages: [{ label: 'Operator console', path: 'operator', Icon: ServerCog, isForOperators: true }],
  },
];
