import { recipes } from '@portico/recipes';

/** What the person at the terminal sees while the platform starts, and when it serves. */
export interface Screen {
  /** A step has begun; the one before it is done. */
  step(title: string): void;
  /** All is up: the final screen. */
  ready(facts: ScreenFacts): void;
  /** One line about something that happened later. */
  note(text: string): void;
}

export interface ScreenFacts {
  readonly startedMs: number;
  readonly welcomeUrl: string;
  readonly dashboardUrl: string;
  readonly email: string;
  /** Null once it was changed. */
  readonly password: string | null;
  readonly apiUrl: string;
  readonly connect: string;
  /** Where agents on other machines dial in; null while only this machine can reach it. */
  readonly remoteConnect: string | null;
  readonly baseDomain: string;
  readonly httpsPort: number;
  readonly caFile: string;
  readonly caFingerprint: string;
  readonly authtoken: string;
  readonly dataDir: string;
  readonly logDir: string;
  /** Tunnels opened on the command line. */
  readonly forwarding: readonly { url: string; upstream: string }[];
}

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const LABEL_COLUMNS = 30;
const NARROW_LABEL_COLUMNS = 16;

export function createScreen(terminal: Terminal, environment: NodeJS.ProcessEnv): Screen {
  const colours = terminal.isTTY === true && environment.NO_COLOR === undefined && environment.TERM !== 'dumb';
  const paint = (code: string) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const bold = paint('1');
  const faint = paint('2');
  const green = paint('32');
  const cyan = paint('36');
  let current: { title: string; beganMs: number } | null = null;

  const endStep = (): void => {
    if (current === null) return;
    const took = `${((performance.now() - current.beganMs) / 1000).toFixed(1)} s`;
    terminal.write(
      `${terminal.isTTY === true ? '\r' : ''}  ${green('━━━━')}  ${current.title.padEnd(22)} ${faint(took)}\n`,
    );
    current = null;
  };

  return {
    step(title) {
      endStep();
      current = { title, beganMs: performance.now() };
      if (terminal.isTTY === true) terminal.write(`  ${faint('╌╌╌╌')}  ${title}`);
    },
    note(text) {
      endStep();
      terminal.write(`${text}\n`);
    },
    ready(facts) {
      endStep();
      const columns = Math.max(40, Math.min(terminal.columns ?? 100, 100));
      const labelColumns = columns >= 90 ? LABEL_COLUMNS : NARROW_LABEL_COLUMNS;
      const row = (label: string, value: string): string => `${label.padEnd(labelColumns)}${value}`;
      const cell = (title: string, width: number): string => title.slice(0, width - 3).padEnd(width - 2);
      const cellWidth = Math.floor(columns / 4);
      const path = (texts: readonly string[]): string =>
        texts
          .map((text, index) => `${(index === 0 ? bold : green)('┃')} ${cell(text, cellWidth)}`)
          .join('')
          .trimEnd();
      const quit = '(Ctrl+C to quit)';
      terminal.write(
        [
          '',
          `${bold('portico')}${' '.repeat(Math.max(1, columns - 7 - quit.length))}${faint(quit)}`,
          '',
          '━'.repeat(columns),
          path(['Visitors', 'Edge', 'Agent', 'Upstream']),
          path([`https, port ${facts.httpsPort}`, facts.baseDomain, 'welcome', 'built-in page']),
          '',
          row('Status', `${green('online')}, started in ${(facts.startedMs / 1000).toFixed(1)} s`),
          row('Welcome page', cyan(facts.welcomeUrl)),
          ...facts.forwarding.map(({ url, upstream }) => row('Forwarding', `${cyan(url)} -> ${upstream}`)),
          row('Dashboard', cyan(facts.dashboardUrl)),
          row('  E-mail', facts.email),
          row('  Password', facts.password ?? 'the one that you set'),
          row('REST API', cyan(facts.apiUrl)),
          row('Agents connect to', facts.connect),
          row('Root certificate', facts.caFile),
          row('Logs', facts.logDir),
          '',
          bold('Put a local port on the internet, from another terminal'),
          '',
          `  ./portico http 3000 --subdomain demo`,
          `  curl --cacert ${facts.caFile} https://demo.${facts.baseDomain}:${facts.httpsPort}/`,
          '',
          bold('From a program, with an official ngrok SDK'),
          '',
          ...recipeLines(facts),
          `  The same in ${otherLanguages}: ${facts.dashboardUrl}, page Connect, and docs/compatibility.md.`,
          '',
          bold('From another machine'),
          '',
          ...(facts.remoteConnect === null
            ? [`  Nothing outside can connect yet: set PORTICO_BIND=0.0.0.0 and PORTICO_BASE_DOMAIN, and start again.`]
            : []),
          `  portico config add-connect-url ${facts.remoteConnect ?? facts.connect} \\`,
          `    --ca-sha256 ${facts.caFingerprint}`,
          `  portico config add-authtoken ${facts.authtoken}`,
          '',
          `Browsers trust these addresses once they know the root certificate above.`,
          '',
          '',
        ].join('\n'),
      );
    },
  };
}

const [firstRecipe, ...otherRecipes] = recipes;
const otherLanguages = otherRecipes
  .map(({ title }) => title)
  .join(', ')
  .replace(/, (\w+)$/, ' and $1');

/** One recipe, filled in. */
function recipeLines({ connect, caFile, authtoken, baseDomain }: ScreenFacts): string[] {
  const text = firstRecipe?.code({ address: connect, caFile, authtoken, host: `sdk.${baseDomain}` }) ?? '';
  return [...text.split('\n').map((line) => (line === '' ? '' : `  ${line}`)), ''];
}
