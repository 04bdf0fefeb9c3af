import { basename } from 'node:path';
import { Command, type Command as CommandType } from 'commander';
import type { CliContext } from '../context.ts';
import { CliError } from '../output/cli-error.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** `eval "$(portico completion)"`. */
export function completionCommand(context: CliContext): Command {
  const command = new Command('completion')
    .description('Prints what makes a shell complete portico: eval "$(portico completion)".')
    .argument('[shell]', 'bash, zsh or fish; that of $SHELL without it');
  return command.action((named: string | undefined) => {
    const wanted = named ?? basename(context.env.SHELL ?? 'bash');
    const shell = shells.find((each) => each === wanted);
    if (shell === undefined)
      throw new CliError(`There is no completion for ${wanted}; there is for ${shells.join(', ')}.`);
    const root = command.parent;
    if (root === null) return;
    const levels = [...levelsOf(root, [])];
    context.stdout.write(shell === 'bash' ? bash(levels) : shell === 'zsh' ? zsh(levels) : fish(levels));
  });
}

interface Level {
  /** `config add-authtoken`; '' for the root. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly text: string }[];
  readonly flags: readonly { readonly name: string; readonly text: string; readonly takesValue: boolean }[];
}

function* levelsOf(command: CommandType, path: readonly string[]): Generator<Level> {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).map((each) => ({ name: each.name(), text: each.description() }));
  const flags = help
    .visibleOptions(command)
    .flatMap((option) =>
      option.long == null ? [] : [{ name: option.long, text: option.description, takesValue: option.required }],
    );
  yield { path: path.join(' '), commands, flags };
  for (const child of command.commands) {
    if (commands.some(({ name }) => name === child.name())) yield* levelsOf(child, [...path, child.name()]);
  }
}

/** The words of a level, and the walk to it: the same in both shells. */
function cases(levels: readonly Level[]): { walk: string; words: string } {
  const walk = levels
    .filter(({ path }) => path !== '')
    .map(({ path }) => `      ${quoted(` ${path}`.replace(/^ (?=\S+$)/, ' '))}) at=${quoted(path)} ;;`);
  const words = levels.map(({ path, commands, flags }) => {
    const all = [...commands.map(({ name }) => name), ...flags.map(({ name }) => name)].join(' ');
    return `    ${quoted(path)}) words=${quoted(all)} ;;`;
  });
  return { walk: walk.join('\n'), words: words.join('\n') };
}

function bash(levels: readonly Level[]): string {
  const { walk, words } = cases(levels);
  return `_portico() {
  local at= words= word i current=\${COMP_WORDS[COMP_CWORD]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "\${at:+ }$at $word" in
${walk}
    esac
  done
  case "$at" in
${words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o bashdefault -F _portico portico
`;
}

function zsh(levels: readonly Level[]): string {
  const { walk, words: all } = cases(levels);
  return `#compdef portico
_portico() {
  local at= words_= word i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case "\${at:+ }$at $word" in
${walk}
    esac
  done
  case "$at" in
${all.replaceAll(') words=', ') words_=')}
  esac
  compadd -- \${=words_} || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u; }
compdef _portico portico
`;
}

function fish(levels: readonly Level[]): string {
  const lines = [
    'function __portico_at',
    '  set -l at',
    '  for word in (commandline -opc)[2..-1]',
    '    switch (string trim -- "$at $word")',
  ];
  for (const { path } of levels)
    if (path !== '') lines.push(`      case ${quoted(path)}`, `        set at ${quoted(path)}`);
  lines.push('    end', '  end', '  test "$at" = "$argv[1]"', 'end', 'complete -c portico -e');
  for (const { path, commands, flags } of levels) {
    const here = `-n ${quoted(`__portico_at ${quoted(path)}`)}`;
    for (const { name, text } of commands)
      lines.push(`complete -c portico ${here} -f -a ${quoted(name)} -d ${quoted(text)}`);
    for (const { name, text, takesValue } of flags) {
      lines.push(
        `complete -c portico ${here} -l ${quoted(name.slice(2))}${takesValue ? ' -r' : ''} -d ${quoted(text)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
