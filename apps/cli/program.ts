import { Command } from 'commander';
import { usageError } from './cli-error.js';
import { adminCommands } from './admin.commands.js';
import { agentCommands } from './agent.commands.js';
import { approvalCommands } from './approvals.commands.js';
import { backupCommands } from './backup.commands.js';
import { chatCommand } from './chat.command.js';
import { version } from './clone.js';
import { globalOptions } from './command.js';
import { completionCommand } from './completion.command.js';
import { configCommands } from './config.commands.js';
import { connectCommand } from './connect.command.js';
import { doctorCommand } from './doctor.command.js';
import { eventCommands } from './events.commands.js';
import { feedbackCommand } from './feedback.command.js';
import { invocationCommands } from './invocation.commands.js';
import { marketCommands } from './market.commands.js';
import { ownerCommands } from './owner.commands.js';
import { serviceCommands } from './service.commands.js';
import { taskCommands } from './task.commands.js';
import { triggerCommand } from './trigger.command.js';
import { webhookCommands } from './webhook.commands.js';

/** All commands. What commander has to complain about goes to `complain`; its exceptions end the run. */
export function createProgram(complain: (text: string) => void): Command {
  const program = new Command('c4c')
    .description('Buy and sell services between software agents.')
    .version(version())
    // What stands after a command belongs to that command: `submit -o FILE` next to `-o json` everywhere else.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: complain })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES);
  configCommands(program);
  doctorCommand(program);
  marketCommands(program);
  const manage = program.command('manage').description('your agent, its services, invocations and tasks (agent key)');
  serviceCommands(manage);
  invocationCommands(manage);
  taskCommands(manage);
  agentCommands(manage);
  connectCommand(program);
  chatCommand(program);
  eventCommands(program);
  triggerCommand(program);
  webhookCommands(program);
  feedbackCommand(program);
  ownerCommands(program);
  approvalCommands(program);
  adminCommands(program);
  backupCommands(program);
  completionCommand(program);
  // Nothing asked: the help is the answer. Commander would call an unknown word one argument too many. Only now: a command
  // would inherit it, and take words that mean nothing to it without a word.
  program.allowExcessArguments().allowUnknownOption();
  program.action(() => {
    const [word] = program.args;
    if (word === undefined) return program.outputHelp();
    const kind = word.startsWith('-') ? 'option' : 'command';
    throw usageError(`Unknown ${kind} '${word}': c4c --help lists all.`);
  });
  globalOptions().forEach((option) => program.addOption(option));
  for (const command of program.commands) takeGlobalOptions(command);
  return program;
}

/** What a command line that ends with the name of a group leaves open. */
export function missingCommand(program: Command, argv: readonly string[]): string {
  let group = program;
  const path = ['c4c'];
  for (const word of argv) {
    const next = group.commands.find((command) => [command.name(), ...command.aliases()].includes(word));
    if (next === undefined) continue;
    group = next;
    path.push(word);
  }
  return `${path.join(' ')} needs a command: ${group.commands.map((command) => command.name()).join(', ')}.`;
}

/** Groups take them too: `c4c market -o json service list`. Commands that run got theirs with what they do. */
function takeGlobalOptions(command: Command): void {
  if (command.commands.length === 0) return;
  for (const option of globalOptions()) command.addOption(option.hideHelp());
  command.commands.forEach(takeGlobalOptions);
}

const EXIT_CODES = `
Exit codes:
  0 ok   1 anything else   2 usage   3 not found   4 authentication   5 conflict or state   6 funds or price
  7 approval   8 pending   9 rate limit   10 unavailable`;
