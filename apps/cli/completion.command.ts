import { Argument, type Command } from 'commander';
import { globalOptions, runsBare } from './command.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function completionCommand(program: Command): void {
  const completion = program.command('completion').description('print what makes your shell complete the words of c4c');
  completion.addArgument(new Argument('<shell>').choices(SHELLS));
  runsBare(completion, async ({ args: [shell] }) => {
    // Loaded when it is needed, so that every other command starts without it.
    const { vocabularyOf } = await import('./completion-words.js');
    process.stdout.write((await scriptFor(shell))(vocabularyOf(program, globalOptions())));
  });
}

type Script = typeof import('./completion-bash.js').bashScript;

async function scriptFor(shell: string | undefined): Promise<Script> {
  if (shell === 'fish') return (await import('./completion-fish.js')).fishScript;
  if (shell === 'zsh') return (await import('./completion-zsh.js')).zshScript;
  return (await import('./completion-bash.js')).bashScript;
}
