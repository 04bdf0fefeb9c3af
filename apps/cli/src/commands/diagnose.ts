import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import type { Check, Verdict } from '../diagnose/run-diagnosis.ts';
import { CliError } from '../output/cli-error.ts';
import { safeText } from '../output/safe-text.ts';
import { addAgentFlags, type TunnelFlags } from './tunnel-flags.ts';

interface DiagnoseFlags extends TunnelFlags {
  readonly ipv6?: boolean;
  readonly writeReport?: string;
}

const marks: Record<Verdict, string> = { ok: '[ OK ]', warn: '[ WARN ]', error: '[ ERR ]', skipped: '[ -- ]' };

/** `portico diagnose`: which hop to the server fails, and what to do. Exit code 0 when all work. */
export function diagnoseCommand(context: CliContext, setExitCode: (code: number) => void): Command {
  const command = new Command('diagnose')
    .description('Finds out which hop to the server fails.')
    .option('-6, --ipv6', 'go by IPv6 only')
    .option('-r, --region <region>', 'has no effect: there is one server')
    .option('-w, --write-report <file>', 'write what was found, without secrets, to a file');
  addAgentFlags(command, { region: false });
  return command.action(async (flags: DiagnoseFlags) => {
    const { loadSettings } = await import('../config/settings.ts');
    const settings = await loadSettings(flags, context);
    const { runDiagnosis } = await import('../diagnose/run-diagnosis.ts');
    const lines: string[] = [];
    const write = (line: string): void => {
      lines.push(line);
      context.stdout.write(`${line}\n`);
    };
    write(`Checking the way to ${settings.connectUrl}`);
    let section = '';
    const diagnosis = await runDiagnosis(settings, {
      ipv6: flags.ipv6 ?? false,
      version: context.version,
      onCheck: (check) => {
        if (check.section !== section) write(`\n${check.section} Connectivity`);
        section = check.section;
        for (const line of linesOf(check)) write(line);
      },
    });
    const { brokenAt, region, latencyMs } = diagnosis;
    const latency = latencyMs === null ? '' : `, latency ${Math.round(latencyMs)}ms`;
    write('');
    write(brokenAt === null ? `Connected: region ${region ?? 'unnamed'}${latency}` : `Broken at ${brokenAt}`);
    if (flags.writeReport !== undefined) {
      const report = {
        version: context.version,
        system: { platform: process.platform, arch: process.arch, node: process.version },
        config: {
          connect_url: settings.connectUrl,
          files: settings.configPaths,
          proxy: settings.proxyUrl !== undefined,
        },
        ...diagnosis,
      };
      await writeFile(flags.writeReport, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 }).catch(
        (error: unknown) => {
          throw new CliError(
            `The report cannot be written: ${error instanceof Error ? error.message : String(error)}.`,
          );
        },
      );
      write(`Report written to ${flags.writeReport}`);
    }
    setExitCode(brokenAt === null ? 0 : 1);
  });
}

function linesOf({ name, verdict, note, advice }: Check): string[] {
  const lines = [`  ${name.padEnd(40)}${marks[verdict]}`];
  if (note !== '') lines.push(`    ${safeText(note)}`);
  if (advice !== '') lines.push(`    ${verdict === 'error' ? 'What to do: ' : ''}${safeText(advice)}`);
  return lines;
}
