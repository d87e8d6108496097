import { Argument, type Command } from 'commander';

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a completion script: source <(warren completion bash)')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: 'bash' | 'zsh' | 'fish') => {
      process.stdout.write(scripts[shell](wordsOf(program)));
    });
}

interface Words {
  readonly commands: readonly {
    readonly name: string;
    readonly description: string;
    readonly options: readonly string[];
    readonly takesName: boolean;
  }[];
}

/** Commands that take the name of a VirtualCluster complete it by asking the host. */
function wordsOf(program: Command): Words {
  return {
    commands: program
      .createHelp()
      .visibleCommands(program)
      .map((command) => ({
        name: command.name(),
        description: command.description(),
        options: command.options
          .flatMap((option) => [option.short, option.long])
          .filter((text): text is string => !!text),
        takesName: command.registeredArguments[0]?.name() === 'name' && command.name() !== 'create',
      })),
  };
}

const LIST_NAMES = 'warren list -o json 2>/dev/null | sed -n \'s/^ *"name": "\\(.*\\)".*/\\1/p\'';

const scripts: Record<'bash' | 'zsh' | 'fish', (words: Words) => string> = {
  bash: ({ commands }) => `_warren() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(' ')}"
  else
    case "$command" in
${commands.map(({ name, options, takesName }) => `      ${name}) words="${options.join(' ')}"${takesName ? `; [[ $current == -* ]] || words=$(${LIST_NAMES})` : ''} ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _warren warren
`,
  zsh: ({ commands }) => `#compdef warren
_warren() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, description }) => `      '${name}:${description.replace(/'/g, '’').replace(/:/g, '\\:')}'`).join('\n')}
    )
    _describe command commands
    return
  fi
  case $words[2] in
${commands.map(({ name, options, takesName }) => `    ${name}) compadd -- ${options.join(' ')}${takesName ? ` $(${LIST_NAMES})` : ''} ;;`).join('\n')}
  esac
}
compdef _warren warren
`,
  fish: ({ commands }) =>
    [
      'complete -c warren -f',
      ...commands.map(
        ({ name, description }) =>
          `complete -c warren -n __fish_use_subcommand -a ${name} -d '${description.replace(/'/g, '’')}'`,
      ),
      ...commands.flatMap(({ name, options }) =>
        options
          .filter((option) => option.startsWith('--'))
          .map((option) => `complete -c warren -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
      ),
      ...commands
        .filter(({ takesName }) => takesName)
        .map(
          ({ name }) =>
            `complete -c warren -n '__fish_seen_subcommand_from ${name}' -a "(${LIST_NAMES.replace(/"/g, '\\"').replace(/\\\(/g, '\\\\(').replace(/\\\)/g, '\\\\)')})"`,
        ),
      '',
    ].join('\n'),
};
